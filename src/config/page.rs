//! The reference page of tables, in Markdown.

use std::fmt::Write as _;

use crate::Table;

/// One section: heading, what the table is about, and a row per key.
///
/// `table` holds the defaults to print; texts that depend on the machine are the caller's to steer
/// through the [`Env`](crate::Env) it took the defaults from.
pub fn section(title: &str, table: &dyn Table) -> String {
    let mut out = format!("## {title}\n\n{}\n\n", joined(table.about()));
    out.push_str("| key | type | default | | meaning |\n|---|---|---|---|---|\n");
    for row in table.rows() {
        let mut marks = String::new();
        if row.marks.important {
            marks.push('m');
        }
        if row.marks.restart {
            marks.push('r');
        }
        if row.marks.ours {
            marks.push('o');
        }
        let value = if row.value.is_empty() { String::new() } else { format!("`{}`", row.value) };
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} | {} |",
            row.name,
            row.ty,
            value.replace('|', "\\|"),
            marks,
            joined(row.doc).replace('|', "\\|"),
        );
    }
    out
}

fn joined(doc: &[&str]) -> String {
    doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}
