//! What a run showed, as a table for people: area by area, each case on 4.4.0 and on ours.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;
use std::{env, fs, io};

use crate::backend::{reference, work_dir};

/// Where the table goes, in place of `target/compat/report.md`.
const PATH_VARIABLE: &str = "ROCKETMQ_COMPAT_REPORT";
/// Cases named as the ones that took longest.
const SLOWEST: usize = 20;

static ROWS: Mutex<Vec<Row>> = Mutex::new(Vec::new());

/// One case that ran.
#[derive(Debug, Clone)]
pub struct Row {
    /// `area::case`, and on which product alone where it ran on one: `area::case_ours`,
    /// `area::case_reference`.
    pub name: String,
    /// Whether it passed, at whichever try.
    pub passed: bool,
    /// Tries it took.
    pub tries: usize,
    /// From the first try's begin to the last one's end.
    pub took: Duration,
    /// What ours does on purpose otherwise than 4.4.0.
    pub differs: Vec<&'static str>,
}

/// Adds a case that ran.
pub fn note(row: Row) {
    if let Ok(mut rows) = ROWS.lock() {
        rows.push(row);
    }
}

/// Writes the table of the cases noted so far, if there are any, and says where.
///
/// # Errors
/// Where the file cannot be written.
pub fn write() -> io::Result<Option<PathBuf>> {
    let rows = ROWS.lock().map(|rows| rows.clone()).unwrap_or_default();
    if rows.is_empty() {
        return Ok(None);
    }
    let path = env::var_os(PATH_VARIABLE).map_or_else(|| work_dir().join("report.md"), Into::into);
    if let Some(dir) = path.parent().filter(|dir| *dir != Path::new("")) {
        fs::create_dir_all(dir)?;
    }
    fs::write(&path, table(rows))?;
    Ok(Some(path))
}

/// The Markdown text.
fn table(rows: Vec<Row>) -> String {
    let mut areas: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows {
        let area = row.name.split("::").next().unwrap_or_default().to_owned();
        areas.entry(area).or_default().push(row);
    }
    let java = reference();
    let mut out = format!(
        "# Compatibility report\n\n\
         Each case runs against Java RocketMQ {java} and ours. **yes**: it behaves as the case says; \
         where both are marked, both behave alike. –: the case is not about that product. \
         **no**: it failed.\n\n",
    );
    summary(&areas, &mut out);
    for (area, rows) in &mut areas {
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        let _ =
            write!(out, "\n## {area}\n\n| case | {java} | ours | s | |\n|---|---|---|---|---|\n");
        for row in rows {
            let (reference, ours) = cells(row);
            let (seconds, remark) = (row.took.as_secs_f64(), remark(row));
            let name = row.name.split_once("::").map_or("", |(_, case)| case);
            let _ = writeln!(out, "| {name} | {reference} | {ours} | {seconds:.1} | {remark} |");
        }
    }
    slowest(&areas, &mut out);
    out
}

fn summary(areas: &BTreeMap<String, Vec<Row>>, out: &mut String) {
    out.push_str("| area | cases | passed | at a later try | s |\n|---|---|---|---|---|\n");
    for (area, rows) in areas {
        let passed = rows.iter().filter(|row| row.passed).count();
        let later = rows.iter().filter(|row| row.passed && row.tries > 1).count();
        let seconds: f64 = rows.iter().map(|row| row.took.as_secs_f64()).sum();
        let _ = writeln!(out, "| {area} | {} | {passed} | {later} | {seconds:.0} |", rows.len());
    }
}

/// What the two columns say.
fn cells(row: &Row) -> (&'static str, &'static str) {
    let (_, case) = row.name.split_once("::").unwrap_or_default();
    let result = if row.passed { "yes" } else { "**no**" };
    if case.ends_with("_reference") {
        (result, "–")
    } else if case.ends_with("_ours") {
        ("–", result)
    } else {
        (result, result)
    }
}

fn remark(row: &Row) -> String {
    let mut remarks = Vec::new();
    if row.tries > 1 {
        remarks.push(format!("{} tries", row.tries));
    }
    if !row.differs.is_empty() {
        remarks.push(format!("ours differs on purpose: {}", row.differs.join("; ")));
    }
    remarks.join("; ")
}

fn slowest(areas: &BTreeMap<String, Vec<Row>>, out: &mut String) {
    let mut rows: Vec<&Row> = areas.values().flatten().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.took));
    out.push_str("\n## What took longest\n\n| case | s |\n|---|---|\n");
    for row in rows.iter().take(SLOWEST) {
        let _ = writeln!(out, "| {} | {:.1} |", row.name, row.took.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, passed: bool, tries: usize) -> Row {
        let (name, took) = (name.to_owned(), Duration::from_millis(1500));
        Row { name, passed, tries, took, differs: Vec::new() }
    }

    #[test]
    fn each_case_has_a_row_under_its_area() {
        let differs = Row { differs: vec!["it answers"], ..row("b::one", true, 1) };
        let text = table(vec![row("a::x_ours", true, 2), row("a::y_reference", false, 2), differs]);
        for line in [
            "| a | 2 | 1 | 1 | 3 |",
            "| b | 1 | 1 | 0 | 2 |",
            "| x_ours | – | yes | 1.5 | 2 tries |",
            "| y_reference | **no** | – | 1.5 | 2 tries |",
            "| one | yes | yes | 1.5 | ours differs on purpose: it answers |",
            "| b::one | 1.5 |",
        ] {
            assert!(text.lines().any(|each| each == line), "{line}\n{text}");
        }
    }
}
