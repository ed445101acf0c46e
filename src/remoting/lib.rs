//! remoting (see docs/architecture.md).
