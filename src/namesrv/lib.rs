//! namesrv (see docs/architecture.md).
