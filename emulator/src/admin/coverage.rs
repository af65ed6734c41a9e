//! What is emulated, from where we know it, and which test holds it: `FIDELITY.md` as data.

use serde_json::{Value, json};

/// The document that people read; its tables are the coverage page.
const FIDELITY: &str = include_str!("../../FIDELITY.md");

/// Every row of `FIDELITY.md`, by section.
pub(crate) fn coverage() -> Value {
    let mut sections: Vec<(&str, Vec<Value>)> = Vec::new();
    for line in FIDELITY.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            sections.push((title, Vec::new()));
        }
        if let (Some((_, rows)), Some(row)) = (sections.last_mut(), row(line)) {
            rows.push(row);
        }
    }
    let sections = sections.into_iter();
    sections
        .map(|(title, rows)| json!({"section": title, "rows": rows}))
        .collect()
}

/// A table's row of five cells that is neither its head nor the line below that.
fn row(line: &str) -> Option<Value> {
    let cells = line.strip_prefix("| ")?.strip_suffix(" |")?;
    let cells: Vec<&str> = cells.split(" | ").map(str::trim).collect();
    let [behaviour, source, code, test, difference] = cells.as_slice() else {
        return None;
    };
    let head = *behaviour == "behaviour";
    (!head).then(|| {
        json!({
            "behaviour": behaviour,
            "source": source,
            "code": code,
            "test": test,
            "difference": difference,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_document_is_told() {
        let told: usize = coverage()
            .as_array()
            .expect("sections")
            .iter()
            .map(|section| section["rows"].as_array().map_or(0, Vec::len))
            .sum();
        let tables = FIDELITY.lines().filter(|line| line.starts_with("| "));
        let rows = tables
            .filter(|line| !line.starts_with("| behaviour"))
            .count();
        assert!(rows > 100);
        assert_eq!(told, rows);
    }
}
