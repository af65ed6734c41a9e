//! What the portal is made of, and a page of recordings that stands by itself.
//!
//! The portal's files are built into the program; `http/admin` serves them. [`film_page`] puts the
//! viewer, its style and recorded runs into one file that needs no server and no network.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The page itself.
pub(crate) const PAGE: &str = include_str!("../portal/index.html");

/// Name, type and text of every file that the page refers to.
pub(crate) const ASSETS: &[(&str, &str, &str)] = &[
    ("style.css", "text/css; charset=utf-8", STYLE),
    ("dom.js", SCRIPT, DOM),
    ("viewer.js", SCRIPT, VIEWER),
    ("portal.js", SCRIPT, include_str!("../portal/portal.js")),
    ("chart.js", SCRIPT, include_str!("../portal/chart.js")),
    ("topology.js", SCRIPT, include_str!("../portal/topology.js")),
    ("controls.js", SCRIPT, include_str!("../portal/controls.js")),
    ("browse.js", SCRIPT, include_str!("../portal/browse.js")),
    (
        "icon.svg",
        "image/svg+xml",
        include_str!("../portal/icon.svg"),
    ),
];

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = include_str!("../portal/style.css");
const DOM: &str = include_str!("../portal/dom.js");
const VIEWER: &str = include_str!("../portal/viewer.js");

/// One HTML file that replays these films: no server, no request, scripts and style by their hash.
#[must_use]
pub fn film_page(title: &str, films: &[Value]) -> String {
    let script = format!("{}\n{}\nexported();\n", plain(DOM), plain(VIEWER));
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; base-uri 'none'; \
         form-action 'none'",
        hash(&script),
        hash(STYLE)
    );
    // Within a script element only `<` could end it.
    let data = Value::from(films.to_vec())
        .to_string()
        .replace('<', "\\u003c");
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main id=\"main\"><h1>{title}</h1></main>\n\
         <script type=\"application/json\" id=\"films\">{data}</script>\n\
         <script type=\"module\">{script}</script>\n</body>\n</html>\n"
    )
}

/// A module's text without what only modules may say, so that several make one.
fn plain(module: &str) -> String {
    let lines = module.lines().filter(|line| !line.starts_with("import "));
    let lines = lines.map(|line| line.strip_prefix("export ").unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

fn hash(text: &str) -> String {
    format!(
        "sha256-{}",
        STANDARD.encode(Sha256::digest(text.as_bytes()))
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn data_of_a_page_cannot_become_markup() {
        let hostile = "</script><script>alert(1)</script>";
        let page = film_page(hostile, &[json!({"title": hostile})]);
        assert!(!page.contains("<script>alert"), "{page}");
        assert_eq!(page.matches("</script>").count(), 2);
    }

    #[test]
    fn the_page_says_hashes_of_what_it_holds_and_imports_nothing() {
        let page = film_page("t", &[]);
        let (_, script) = page
            .split_once("<script type=\"module\">")
            .expect("a script");
        let (script, _) = script.split_once("</script>").expect("its end");
        assert!(page.contains(&hash(script)) && page.contains(&hash(STYLE)));
        assert!(!script.contains("import ") && !script.contains("\nexport "));
    }

    #[test]
    fn the_portal_asks_for_nothing_from_elsewhere() {
        for (name, _, text) in ASSETS.iter().chain(&[("index.html", "", PAGE)]) {
            let rest = text.replace("http://www.w3.org/2000/svg", "");
            assert!(
                !rest.contains("http://") && !rest.contains("https://"),
                "{name}"
            );
            assert!(
                !rest.contains("innerHTML") && !rest.contains("style="),
                "{name}"
            );
        }
    }
}
