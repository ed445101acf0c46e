//! acl (see docs/architecture.md).
