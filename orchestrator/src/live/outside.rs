//! Hooks and sources of metrics over sockets and as programs.
//!
//! Secrets are read here, at the moment of the call, and appear in no error: an error names the
//! variable or the file.

use std::path::Path;
use std::process::Stdio;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use super::http_client::HttpClient;
use crate::environment::{Call, OutsideError, Reply, TransportError, Web, Whom};

/// Asks once.
pub(super) async fn ask(client: &HttpClient, call: Call) -> Result<Reply, OutsideError> {
    match call.whom {
        Whom::Web { to, rest, body } => {
            let request = request(&to, &rest, body)?;
            let answer = client.send(request, call.timeout).await;
            let answer = answer.map_err(|error| unheard(&to, &error))?;
            Ok(Reply::Web {
                status: answer.status().as_u16(),
                body: answer.into_body(),
            })
        }
        Whom::Command {
            command,
            variables,
            input,
        } => {
            let program = Program::start(&command, variables)?;
            let ended = tokio::time::timeout(call.timeout, program.end(input)).await;
            ended.unwrap_or_else(|_elapsed| {
                let name = command.first().map_or("", String::as_str);
                let seconds = call.timeout.as_secs();
                Err(OutsideError::Unheard(format!(
                    "`{name}` did not end within {seconds} s"
                )))
            })
        }
    }
}

fn request(
    to: &Web,
    rest: &str,
    body: Option<String>,
) -> Result<http::Request<Bytes>, OutsideError> {
    let base = secret([
        to.url.as_deref().map(Source::Plain),
        to.url_env.as_deref().map(Source::Variable),
        to.url_file.as_deref().map(Source::File),
    ])?;
    let base = base.unwrap_or_default();
    let url = match rest {
        "" => base,
        rest => format!("{}{rest}", base.trim_end_matches('/')),
    };
    let mut request = http::Request::builder()
        .method(if body.is_some() { "POST" } else { "GET" })
        .uri(url)
        .header(USER_AGENT, concat!("turquoise/", env!("CARGO_PKG_VERSION")));
    if body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    let token = secret([
        to.bearer_env.as_deref().map(Source::Variable),
        to.bearer_file.as_deref().map(Source::File),
        None,
    ])?;
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let unusable = |_| OutsideError::Unusable(format!("{to} is no web address"));
    let request = request.body(Bytes::from(body.unwrap_or_default()));
    let request = request.map_err(unusable)?;
    match request.uri().scheme_str() {
        Some("http" | "https") => Ok(request),
        _ => Err(OutsideError::Unusable(format!("{to} is no web address"))),
    }
}

/// Says who did not answer without saying the address, which may be a secret.
fn unheard(to: &Web, error: &TransportError) -> OutsideError {
    OutsideError::Unheard(match (to.url.is_some(), error) {
        (true, error) => error.to_string(),
        (false, TransportError::Unreachable { reason, .. }) => {
            format!("{to} cannot be reached: {reason}")
        }
        (false, TransportError::Lost { .. }) => format!("{to} gave no answer"),
    })
}

/// Where a value is.
enum Source<'a> {
    Plain(&'a str),
    Variable(&'a str),
    File(&'a Path),
}

fn secret(sources: [Option<Source<'_>>; 3]) -> Result<Option<String>, OutsideError> {
    let Some(source) = sources.into_iter().flatten().next() else {
        return Ok(None);
    };
    let value = match source {
        Source::Plain(text) => Ok(text.to_owned()),
        Source::Variable(name) => std::env::var(name).map_err(|_| format!("${name} is not set")),
        Source::File(path) => std::fs::read_to_string(path)
            .map_err(|error| format!("`{}` cannot be read: {error}", path.display())),
    };
    let value = value.map_err(OutsideError::Unusable)?;
    Ok(Some(value.trim().to_owned()))
}

/// A program under way; dropped before its end, it ends with all that it started.
struct Program {
    name: String,
    child: Child,
    /// Its process group, until it has ended by itself.
    group: Option<Pid>,
}

impl Program {
    fn start(command: &[String], variables: Vec<(String, String)>) -> Result<Self, OutsideError> {
        let (name, arguments) = command
            .split_first()
            .ok_or_else(|| OutsideError::Unusable("the command names no program".to_owned()))?;
        let child = Command::new(name)
            .args(arguments)
            .envs(variables)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C is for us: the hook is heard to its end, or ended with its group.
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        let child = child.map_err(|error| {
            OutsideError::Unusable(format!("`{name}` cannot be started: {error}"))
        })?;
        let group = child.id().and_then(|id| i32::try_from(id).ok());
        Ok(Self {
            name: name.clone(),
            group: group.and_then(Pid::from_raw),
            child,
        })
    }

    async fn end(mut self, input: String) -> Result<Reply, OutsideError> {
        if let Some(mut stdin) = self.child.stdin.take() {
            // Who does not read its stdin need not.
            drop(stdin.write_all(input.as_bytes()).await);
        }
        let (stdout, stderr) = (self.child.stdout.take(), self.child.stderr.take());
        let (out, err, status) =
            tokio::join!(last_line(stdout), last_line(stderr), self.child.wait());
        let status = status
            .map_err(|error| OutsideError::Unheard(format!("`{}` was lost: {error}", self.name)))?;
        self.group = None;
        Ok(Reply::Exit {
            code: status.code(),
            said: if err.is_empty() { out } else { err },
        })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // Whoever ended meanwhile needs no signal.
            kill_process_group(group, Signal::KILL).ok();
        }
    }
}

async fn last_line(from: Option<impl tokio::io::AsyncRead + Unpin>) -> String {
    use tokio::io::{AsyncBufReadExt, BufReader};
    let Some(from) = from else {
        return String::new();
    };
    let mut last = String::new();
    let mut lines = BufReader::new(from).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line).trim().to_owned();
        if !line.is_empty() {
            last = line;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::live::Trust;

    async fn run(script: &str, timeout: Duration) -> Result<Reply, OutsideError> {
        let call = Call {
            whom: Whom::Command {
                command: ["sh", "-c", script].map(str::to_owned).to_vec(),
                variables: vec![("TURQUOISE_HOOK".to_owned(), "smoke".to_owned())],
                input: "{\"a\":1}".to_owned(),
            },
            timeout,
        };
        ask(&HttpClient::new(&Trust::authorities([])), call).await
    }

    #[tokio::test]
    async fn a_program_is_told_by_variable_and_stdin_and_heard_by_its_code_and_last_line() {
        let patience = Duration::from_secs(30);
        for (script, code, said) in [
            ("exit 0", Some(0), ""),
            ("echo $TURQUOISE_HOOK; exit 75", Some(75), "smoke"),
            ("cat; exit 1", Some(1), "{\"a\":1}"),
            (
                "echo out; echo first >&2; echo why >&2; exit 3",
                Some(3),
                "why",
            ),
            ("kill -KILL $$", None, ""),
        ] {
            let said = said.to_owned();
            assert_eq!(
                run(script, patience).await,
                Ok(Reply::Exit { code, said }),
                "{script}"
            );
        }
    }

    #[tokio::test]
    async fn a_program_that_does_not_end_is_ended_and_counts_as_unheard() {
        let error = run("sleep 600", Duration::from_millis(100)).await;
        assert!(matches!(error, Err(OutsideError::Unheard(_))), "{error:?}");
    }

    #[tokio::test]
    async fn what_can_never_be_asked_names_the_variable_and_not_the_secret() {
        let client = HttpClient::new(&Trust::authorities([]));
        for (to, says) in [
            (
                Web {
                    url_env: Some("NO_SUCH_VARIABLE".to_owned()),
                    ..Web::default()
                },
                "$NO_SUCH_VARIABLE is not set",
            ),
            (
                Web {
                    url_env: Some("PATH".to_owned()),
                    ..Web::default()
                },
                "the address in $PATH is no web address",
            ),
            (
                Web {
                    url: Some("http://127.0.0.1:1".to_owned()),
                    bearer_file: Some("/no/such".into()),
                    ..Web::default()
                },
                "`/no/such` cannot be read",
            ),
        ] {
            let whom = Whom::Web {
                to,
                rest: String::new(),
                body: None,
            };
            let call = Call {
                whom,
                timeout: Duration::from_secs(1),
            };
            let error = ask(&client, call).await.expect_err(says);
            assert!(matches!(error, OutsideError::Unusable(_)), "{error:?}");
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
