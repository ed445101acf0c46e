//! What each kind of file holds, byte for byte as 4.4.0 writes it. Pure: bytes in, values out.
//!
//! The message record itself is [`protocol::message`]'s, since the wire shares it.

pub mod checkpoint;
pub mod ext;
pub mod index;
pub mod paths;
pub mod queue_entry;

/// Reads a big-endian number; `None` when the bytes end before it.
macro_rules! number_at {
    ($name:ident, $type:ty) => {
        pub(crate) fn $name(bytes: &[u8], at: usize) -> Option<$type> {
            bytes.get(at..)?.first_chunk().map(|raw| <$type>::from_be_bytes(*raw))
        }
    };
}

number_at!(i16_at, i16);
number_at!(i32_at, i32);
number_at!(i64_at, i64);
