//! The reference page of all requests is made from their table, here, and checked in.
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::path::Path;

use protocol::codes::request;
use protocol::requests::{BrokerRequest, ClientRequest, NamesrvRequest, Row};

fn page() -> String {
    let mut page = String::from(
        "# Requests\n\n<!-- Made from the tables in src/protocol/requests.rs by a test; do not edit. -->\n\n\
         Every request that is served, by who serves it. The lane is the class of requests it is\n\
         admitted and limited with. Codes that 4.4.0 declares and nobody serves are answered with\n\
         code 3, as are unknown ones.\n",
    );
    section(&mut page, "A broker serves", BrokerRequest::TABLE);
    section(&mut page, "A name server serves", NamesrvRequest::TABLE);
    section(&mut page, "A client serves", ClientRequest::TABLE);
    let served: Vec<i32> = [BrokerRequest::TABLE, NamesrvRequest::TABLE, ClientRequest::TABLE]
        .concat()
        .iter()
        .map(|row| row.code)
        .collect();
    page.push_str("\n## Declared and served by nobody\n\n");
    for (code, name) in request::ALL.iter().filter(|(code, _)| !served.contains(code)) {
        writeln!(page, "- {code} {name}").unwrap();
    }
    page
}

fn section(page: &mut String, title: &str, rows: &[Row]) {
    let mut rows = rows.to_vec();
    rows.sort_by_key(|row| row.code);
    writeln!(page, "\n## {title}\n\n| code | name | lane | what for |\n|---|---|---|---|").unwrap();
    for Row { code, lane, doc, .. } in rows {
        let name = request::name(code).unwrap();
        writeln!(page, "| {code} | {name} | {lane:?} | {doc} |").unwrap();
    }
}

#[test]
fn the_page_of_requests_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/requests.md");
    let made = page();
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    if there != made {
        std::fs::write(&path, made).unwrap();
        panic!("docs/requests.md was stale and has been written anew: commit it");
    }
}
