//! sysflag
