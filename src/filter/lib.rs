//! Which messages a subscription wants: tags, SQL92 expressions, and the Bloom filter that lets
//! a broker skip messages before it reads them.
//!
//! An expression is parsed once, at subscription time, and evaluated for every message without
//! allocating. The results are those of 4.4.0, its oddities included: the texts of compile
//! errors, three-valued logic, conversions of property text, and the exact bits of the Bloom
//! filter, which stand in files that a Java broker reads.
//!
//! This crate knows neither the store, nor the wire, nor how a message holds its properties: a
//! caller passes a function from property name to text.

#![deny(clippy::indexing_slicing)]

mod bloom;
mod java;
mod murmur3;
mod sql;
mod tag;

pub use bloom::{BloomError, BloomFilter, BloomPositions};
pub use java::string_hash;
pub use sql::{CompileError, EvaluationError, Expression, MAX_DEPTH};
pub use tag::{
    SQL92, SUBSCRIBE_ALL, Subscription, SubscriptionError, TAG, TagSet, is_tag_type,
    wants_tags_code,
};
