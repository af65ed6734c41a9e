//! The account as a page of its own: no script, nothing from elsewhere.

use std::fmt::Write as _;

use super::account::Account;
use crate::plan::time;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;\
padding:0 1rem;color:#123}table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #cde;\
padding:.3rem .6rem;text-align:left;vertical-align:top}.bar{background:#1aa6a6;height:.6rem}";

/// The page.
pub(super) fn page(account: &Account) -> String {
    let title = escaped(&format!(
        "{}: {}, {}",
        account.run.run,
        account.way(),
        account.outcome()
    ));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{STYLE}</style>\n<h1>{title}</h1>\n<p>{} gateway writes, by {}, from {} to {}.</p>\n",
        account.run.gateway_puts,
        escaped(&account.run.owners.join(", ")),
        time(account.run.began_unix_ms),
        time(account.run.last_unix_ms)
    );
    if !account.run.reason.is_empty() {
        let _infallible = writeln!(page, "<p>Because: {}</p>", escaped(&account.run.reason));
    }
    page += &phases(account);
    page += &writes(account);
    page
}

/// Each phase with a bar as long as its share of the longest one.
fn phases(account: &Account) -> String {
    let longest = account.phases.iter().map(|visit| visit.lasted_ms).max();
    let longest = longest.unwrap_or(1).max(1);
    let mut text =
        String::from("<table><tr><th>state<th>entered<th>seconds<th>share<th>evidence</tr>\n");
    for visit in &account.phases {
        let _infallible = writeln!(
            text,
            "<tr><td>{}<td>{}<td>{}.{:03}<td style=\"width:12rem\"><div class=\"bar\" \
             style=\"width:{}%\"></div><td>{}</tr>",
            escaped(&visit.state),
            time(visit.unix_ms),
            visit.lasted_ms / 1_000,
            visit.lasted_ms % 1_000,
            visit.lasted_ms * 100 / longest,
            escaped(&visit.evidence.join("; "))
        );
    }
    text + "</table>\n"
}

fn writes(account: &Account) -> String {
    let mut text = String::from("<table><tr><th>gateway write<th>from<th>to<th>answer</tr>\n");
    for write in &account.writes {
        let _infallible = writeln!(
            text,
            "<tr><td>{}<td>{}<td>{}<td>{}</tr>",
            time(write.unix_ms),
            escaped(&write.from.join(", ")),
            escaped(&write.to.join(", ")),
            escaped(&write.answer)
        );
    }
    text + "</table></html>\n"
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cloud_says_cannot_become_markup() {
        assert_eq!(
            escaped("<img src=\"x\">&"),
            "&lt;img src=&quot;x&quot;&gt;&amp;"
        );
    }
}
