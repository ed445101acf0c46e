//! Black-box cases run against Java 4.4.0 and ours.
