//! Plain text in columns.

use std::fmt::Write as _;

/// The lines as columns two blanks apart, each as wide as its widest cell; every line ends in a line
/// feed and in no blank.
#[must_use]
pub fn columns<const N: usize>(lines: &[[String; N]]) -> String {
    let widths: [usize; N] = std::array::from_fn(|column| {
        let cells = lines.iter().map(|line| line[column].chars().count());
        cells.max().unwrap_or(0)
    });
    let mut text = String::new();
    for line in lines {
        for (cell, width) in line.iter().zip(widths) {
            let _infallible = write!(text, "{cell:<width$}  ");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let line = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
        let lines = [line("a", "b"), line("gap in ms", "12"), line("…", "")];
        assert_eq!(columns(&lines), "a          b\ngap in ms  12\n…\n");
        assert_eq!(columns::<2>(&[]), "");
    }
}
