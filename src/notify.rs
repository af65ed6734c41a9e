//! Notifications: messages to webhooks of what a swap does, without a say in it.
//!
//! Messages are queued and sent by a task of their own, one after the other, each with a time-out. A
//! message that cannot be delivered is a warning; at the end a run waits for the queue, but not for
//! long.

mod message;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use turquoise_orchestrator::config::Notify;
use turquoise_orchestrator::environment::{Call, Reply, Whom};
use turquoise_orchestrator::live::LiveEnvironment;
use turquoise_orchestrator::{Config, Environment, Progress, SwapReport};

use crate::exit::Exit;
use message::{Message, Teller, body};

/// How long one message may take, on the wall clock.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the end of a run waits for what is still queued.
const FAREWELL: Duration = Duration::from_secs(15);

type Failures = Arc<Mutex<Vec<String>>>;

/// Hears a run and sends what was asked for; by default nothing.
#[derive(Debug, Default)]
pub(crate) struct Notifier {
    teller: Mutex<Teller>,
    queue: Mutex<Option<(UnboundedSender<Message>, JoinHandle<()>)>>,
    failures: Failures,
}

impl Notifier {
    /// One for everybody whom the configuration names; inside a runtime.
    pub(crate) fn new(config: &Config, endpoint: &str, environment: &LiveEnvironment) -> Self {
        if config.notify.is_empty() {
            return Self::default();
        }
        let (sender, messages) = unbounded_channel();
        let failures = Failures::default();
        let sending = send_all(
            environment.clone(),
            config.notify.clone(),
            messages,
            Arc::clone(&failures),
        );
        Self {
            teller: Mutex::new(Teller::new(config, endpoint)),
            queue: Mutex::new(Some((sender, tokio::spawn(sending)))),
            failures,
        }
    }

    /// Something happened in the run.
    pub(crate) fn hear(&self, progress: &Progress) {
        self.push(locked(&self.teller).hear(progress));
    }

    /// The run has ended, or stopped.
    pub(crate) fn hear_end(&self, report: &SwapReport, exit: Exit) {
        self.push(locked(&self.teller).hear_end(report, exit));
    }

    fn push(&self, message: Option<Message>) {
        if let (Some(message), Some((queue, _))) = (message, &*locked(&self.queue)) {
            // Only a task that panicked hears nothing any more.
            drop(queue.send(message));
        }
    }

    /// What could not be delivered since the last time.
    pub(crate) fn failures(&self) -> Vec<String> {
        std::mem::take(&mut *locked(&self.failures))
    }

    /// Waits for the queue, not for long, and says what could not be delivered.
    pub(crate) async fn finish(&self) -> Vec<String> {
        let queue = locked(&self.queue).take();
        let Some((sender, task)) = queue else {
            return Vec::new();
        };
        drop(sender);
        let stop = task.abort_handle();
        let ended = tokio::time::timeout(FAREWELL, task).await;
        let mut failures = self.failures();
        if ended.is_err() {
            stop.abort();
            let seconds = FAREWELL.as_secs();
            failures.push(format!(
                "notifications were not all delivered within {seconds} s"
            ));
        }
        failures
    }
}

/// A panic elsewhere takes nothing away from a queue of messages.
fn locked<T>(value: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn send_all(
    environment: LiveEnvironment,
    whom: Vec<Notify>,
    mut messages: UnboundedReceiver<Message>,
    failures: Failures,
) {
    while let Some(message) = messages.recv().await {
        for notify in &whom {
            if !notify.events.contains(&message.event) {
                continue;
            }
            if let Err(why) = send(&environment, notify, &message).await {
                let text = format!("`{}` was not notified: {why}", notify.name);
                locked(&failures).push(text);
            }
        }
    }
}

async fn send(
    environment: &LiveEnvironment,
    notify: &Notify,
    message: &Message,
) -> Result<(), String> {
    let whom = Whom::Web {
        to: notify.to.clone(),
        rest: String::new(),
        body: Some(body(notify.format, message).to_string()),
    };
    let timeout = PATIENCE;
    match environment.outside(Call { whom, timeout }).await {
        Ok(Reply::Web {
            status: 200..=299, ..
        }) => Ok(()),
        Ok(Reply::Web { status, .. }) => Err(format!("it answered {status}")),
        Ok(Reply::Exit { .. }) => Err("a program answered instead of a server".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use turquoise_orchestrator::live::Trust;

    use super::*;

    /// Answers so many requests with `answer`; gives back what they were.
    async fn webhook(answer: &'static str, count: usize) -> (u16, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let serving = tokio::spawn(async move {
            let mut heard = Vec::new();
            for _ in 0..count {
                let (mut socket, _) = listener.accept().await.expect("a client");
                let mut request = Vec::new();
                while !request.ends_with(b"}") {
                    socket.read_buf(&mut request).await.expect("a request");
                }
                socket.write_all(answer.as_bytes()).await.expect("it reads");
                heard.push(String::from_utf8(request).expect("it is text"));
            }
            heard
        });
        (port, serving)
    }

    fn notifier(table: &str) -> Notifier {
        let text = format!("{}\n{table}", Config::example_toml());
        let config = Config::parse("t.toml".as_ref(), &text).expect("the table is one");
        let environment = LiveEnvironment::new(Trust::authorities([]));
        Notifier::new(&config, "https://azure", &environment)
    }

    fn planned() -> Progress {
        Progress::Planned {
            run: "r1".to_owned(),
            old: "green".to_owned(),
            new: "blue".to_owned(),
            plan: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_webhook_gets_the_message_it_asked_for() {
        let (port, heard) = webhook(
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
            1,
        )
        .await;
        let notifier = notifier(&format!(
            "[[notify]]\nname = \"team\"\nformat = \"slack\"\nevents = [\"started\"]\nto = {{ url = \"http://127.0.0.1:{port}/services/T0\" }}"
        ));
        notifier.hear(&planned());
        assert_eq!(notifier.finish().await, Vec::<String>::new());
        let heard = heard.await.expect("the server ends");
        assert!(
            heard[0].starts_with("POST /services/T0 HTTP/1.1\r\n"),
            "{heard:?}"
        );
        assert!(
            heard[0].contains("content-type: application/json\r\n"),
            "{heard:?}"
        );
        assert!(
            heard[0].ends_with("started: green serves, blue is to serve\"}"),
            "{heard:?}"
        );
    }

    #[tokio::test]
    async fn what_cannot_be_delivered_is_a_warning_without_the_address() {
        let (port, heard) = webhook(
            "HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            1,
        )
        .await;
        let notifier = notifier(&format!(
            "[[notify]]\nname = \"team\"\nto = {{ url = \"http://127.0.0.1:{port}/x\" }}\n[[notify]]\nname = \"other\"\nto = {{ url_env = \"TURQUOISE_NO_SUCH_HOOK\" }}"
        ));
        notifier.hear(&planned());
        let warnings = notifier.finish().await;
        assert_eq!(
            warnings,
            [
                "`team` was not notified: it answered 403",
                "`other` was not notified: $TURQUOISE_NO_SUCH_HOOK is not set"
            ]
        );
        heard.await.expect("the server ends");
    }
}
