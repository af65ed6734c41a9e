//! The command from outside: arguments, files and endpoints that are wrong, and what it says then.

mod support;

use support::{folder, run, run_in};

/// Wrong input ends with 64, tells what is wrong and what to do, and prints no panic.
#[track_caller]
fn refused(arguments: &[&str], told: &[&str]) {
    let ended = run(arguments);
    assert_eq!(ended.code, 64, "{arguments:?}: {}", ended.stderr);
    for text in told {
        assert!(
            ended.stderr.contains(text),
            "{arguments:?}: no `{text}` in\n{}",
            ended.stderr
        );
    }
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "", "results only on stdout");
}

#[test]
fn without_arguments_it_shows_its_commands() {
    let ended = run(&[]);
    assert_eq!(ended.code, 64);
    assert!(
        ended.stderr.contains("Usage: turquoise"),
        "{}",
        ended.stderr
    );
}

#[test]
fn help_and_version_are_results() {
    for arguments in [&["--help"][..], &["--version"], &["help", "explain"]] {
        let ended = run(arguments);
        assert_eq!(ended.code, 0, "{arguments:?}");
        assert!(ended.stdout.contains("turquoise"), "{arguments:?}");
        assert_eq!(ended.stderr, "", "{arguments:?}");
    }
}

#[test]
fn a_wrong_argument_is_named() {
    refused(&["--nope"], &["--nope", "--help"]);
    refused(&["explode"], &["explode"]);
    refused(&["explain", "P99"], &["`P99`", "turquoise explain"]);
    refused(&["explain", "--output", "xml"], &["xml", "ndjson"]);
}

#[test]
fn an_error_is_a_document_where_a_program_reads() {
    let ended = run(&["explain", "P99", "--output", "json"]);
    let result = ended.result();
    assert_eq!(ended.code, 64);
    assert_eq!(result["event"], "error");
    assert_eq!(result["exit_code"], 64);
    assert_eq!(result["outcome"], "usage");
}

#[test]
fn every_exit_code_is_explained() {
    let ended = run(&["explain", "exit-codes"]);
    for code in [0, 1, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 64, 130, 143] {
        let shown = format!("\n{code:>3}  ");
        assert!(
            ended.stdout.contains(&shown),
            "{code} is missing in\n{}",
            ended.stdout
        );
    }
}

#[test]
fn load_tells_what_is_wrong_with_its_arguments() {
    refused(&["load", "gopher://127.0.0.1:1"], &["`gopher`", "http://"]);
    refused(&["load", "https://127.0.0.1:1"], &["--ca-file"]);
    refused(
        &["load", "http://127.0.0.1:1", "--mix", "fast=1"],
        &["`fast`", "kept", "http2"],
    );
}

/// A server of literal bytes, on a thread that ends with the process.
fn answers(bytes: &'static [u8]) -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer_all(stream, bytes));
        }
    });
    address
}

fn answer_all(mut stream: std::net::TcpStream, bytes: &[u8]) {
    use std::io::{Read, Write};
    let (mut seen, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        seen.extend_from_slice(&piece[..count]);
        if seen.ends_with(b"\r\n\r\n") {
            seen.clear();
            if stream.write_all(bytes).is_err() {
                return;
            }
        }
    }
}

#[test]
fn load_counts_what_was_answered_well_and_what_was_not() {
    let well = answers(b"HTTP/1.1 200 OK\r\nx-build-id: v7\r\ncontent-length: 2\r\n\r\nok");
    let badly = answers(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
    let nobody = "127.0.0.1:1".parse().expect("an address");
    for (address, code, field) in [(well, 0, "ok"), (badly, 13, "errors"), (nobody, 13, "lost")] {
        let url = format!("http://{address}");
        let ended = run(&[
            "load",
            &url,
            "--rate",
            "40",
            "--for",
            "500ms",
            "--mix",
            "new=1,kept=1",
            "--output",
            "json",
        ]);
        let result = ended.result();
        assert_eq!(ended.code, code, "{result}");
        let requests = &result["requests"];
        assert!(requests["sent"].as_u64() >= Some(15), "{result}");
        assert_eq!(requests[field], requests["sent"], "{result}");
        let builds = result["builds"]["v7"].as_u64().unwrap_or_default();
        assert_eq!(builds > 0, field == "ok", "{result}");
    }
}

#[test]
fn a_configuration_is_written_once() {
    let folder = folder();
    let first = run_in(&folder, &["init"]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    let text = std::fs::read_to_string(folder.path().join("turquoise.toml")).expect("written");
    assert!(text.contains("[target]") && text.contains("[phases]"));
    let second = run_in(&folder, &["init"]);
    assert_eq!(second.code, 64);
    assert!(second.stderr.contains("--force"), "{}", second.stderr);
    assert_eq!(run_in(&folder, &["init", "--force"]).code, 0);
    assert_eq!(run_in(&folder, &["init", "-"]).stdout.trim(), text.trim());
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let ended = run(&["completions", shell]);
        assert_eq!(ended.code, 0, "{shell}");
        assert!(ended.stdout.contains("explain"), "{shell}");
    }
}

#[test]
fn a_configuration_that_is_not_there_names_the_command_that_writes_one() {
    refused(&["swap"], &["`turquoise.toml`", "turquoise init"]);
    refused(&["status", "--config", "none.toml"], &["`none.toml`"]);
}

#[test]
fn a_wrong_key_is_named_with_its_line() {
    let cases = [
        (
            "pool = \"pool01\"",
            "pol = \"pool01\"",
            "unknown field `pol`",
        ),
        ("pool = \"pool01\"", "", "missing field `pool`"),
        (
            "drain_timeout = \"60s\"",
            "drain_timeout = \"soon\"",
            "`soon`",
        ),
        ("initial = \"green\"", "initial = \"red\"", "`red`"),
    ];
    for (good, bad, told) in cases {
        let folder = folder();
        assert_eq!(run_in(&folder, &["init"]).code, 0);
        let file = folder.path().join("turquoise.toml");
        let text = std::fs::read_to_string(&file).expect("just written");
        std::fs::write(&file, text.replacen(good, bad, 1)).expect("the folder is ours");
        let ended = run_in(&folder, &["status"]);
        assert_eq!(ended.code, 64, "{told}: {}", ended.stderr);
        for part in [told, "turquoise.toml:", "next: "] {
            assert!(
                ended.stderr.contains(part),
                "no `{part}` in\n{}",
                ended.stderr
            );
        }
    }
}

#[test]
fn an_unreachable_endpoint_changes_nothing_and_says_where_it_looked() {
    // A port that was free a moment ago: nothing listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = free.local_addr().expect("it is bound").port();
    drop(free);
    let endpoint = format!("http://127.0.0.1:{port}");
    for verb in [
        &["swap"][..],
        &["status"],
        &["deploy", "frontend"],
        &["rollback"],
        &["retire"],
    ] {
        let folder = folder();
        assert_eq!(run_in(&folder, &["init"]).code, 0);
        let mut arguments = verb.to_vec();
        arguments.extend(["--endpoint", &endpoint, "--output", "json"]);
        let ended = run_in(&folder, &arguments);
        assert_eq!(ended.code, 12, "{verb:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(&endpoint), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("turquoise emulate"),
            "{}",
            ended.stderr
        );
        assert_eq!(ended.result()["exit_code"], 12);
        assert!(
            !folder.path().join(".turquoise").exists(),
            "{verb:?} wrote a journal"
        );
    }
}

#[test]
fn azure_is_not_asked_without_a_token_nor_in_the_clear() {
    let folder = folder();
    assert_eq!(run_in(&folder, &["init"]).code, 0);
    let with = |endpoint| run_in(&folder, &["status", "--endpoint", endpoint]);
    let ended = with("https://management.azure.com");
    assert_eq!(ended.code, 11, "{}", ended.stderr);
    assert!(ended.stderr.contains("TURQUOISE_TOKEN"), "{}", ended.stderr);
    for wrong in [
        "http://management.azure.com",
        "management",
        "ftp://127.0.0.1",
    ] {
        assert_eq!(with(wrong).code, 64, "{wrong}");
    }
}

#[test]
fn a_port_in_use_is_named_with_the_way_out() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    for verb in ["emulate", "rehearse"] {
        let ended = run(&[verb, "--port", &port]);
        assert_eq!(ended.code, 64, "{verb}: {}", ended.stderr);
        for told in [port.as_str(), "--port 0"] {
            assert!(
                ended.stderr.contains(told),
                "{verb}: no `{told}` in\n{}",
                ended.stderr
            );
        }
    }
}

#[test]
fn a_report_without_a_place_is_refused_before_the_rehearsal() {
    refused(
        &["rehearse", "--report", "none/report.html"],
        &["none/report.html", "--no-report"],
    );
}
