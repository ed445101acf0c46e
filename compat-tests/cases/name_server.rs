//! PUT_KV_CONFIG (100), GET_KV_CONFIG (101), DELETE_KV_CONFIG (102),
//! GET_KVLIST_BY_NAMESPACE (219), UPDATE_NAMESRV_CONFIG (318), GET_NAMESRV_CONFIG (319).

use super::{MISSING, names};
use crate::case::{Case, Expect, Step};

pub(super) fn cases() -> Vec<Case> {
    vec![key_values(), key_values_missing(), config()]
}

fn put(key: &str, value: &str) -> Step {
    names(100).ext(&[("namespace", "N$(t)"), ("key", key), ("value", value)])
}

fn get(key: &str) -> Step {
    names(101).ext(&[("namespace", "N$(t)"), ("key", key)])
}

fn delete(key: &str) -> Step {
    names(102).ext(&[("namespace", "N$(t)"), ("key", key)])
}

fn list() -> Step {
    names(219).ext(&[("namespace", "N$(t)")])
}

fn key_values() -> Case {
    Case::new(
        "kv_config",
        [
            get("a").code_is(22),
            list().code_is(22),
            put("a", "1"),
            get("a"),
            put("a", "two = 2;3"),
            put("ключ", "значение"),
            get("a"),
            get("ключ"),
            get("b").code_is(22),
            list(),
            delete("a"),
            delete("a"),
            get("a").code_is(22),
            delete("ключ"),
            list(),
            put("empty", ""),
            get("empty"),
        ],
    )
}

fn key_values_missing() -> Case {
    Case::new(
        "kv_config_missing_fields",
        [
            names(101).code_is(22).ours(Expect::Code(1), MISSING),
            names(219).code_is(22).ours(Expect::Code(1), MISSING),
            names(102).ours(Expect::Code(1), MISSING),
            get("a").without("key").code_is(22).ours(Expect::Code(1), MISSING),
            put("a", "1").without("value").ours(Expect::Code(1), MISSING),
            get("a").code_is(22),
        ],
    )
}

fn config() -> Case {
    let get = || names(319).mask("body.", "addresses and paths differ");
    Case::new(
        "namesrv_config",
        [
            get(),
            names(318)
                .body("noSuchKey=1\norderMessageEnable=false\n")
                .free("header.remark", "ours tells which keys it does not know"),
            get().until("body.orderMessageEnable", "false"),
        ],
    )
}
