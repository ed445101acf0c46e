//! message_id
