//! A request's way through one gateway instance (azure-facts.md §5.1, §5.2).

use std::borrow::Cow;
use std::net::Ipv4Addr;
use std::sync::Arc;

use http::header::HOST;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use super::answer::{Answer, Passing};
use super::client::Client;
use super::headers::Forwarding;
use super::in_flight::Counted;
use super::instance::GatewayInstance;
use super::record::{Beginning, Record};
use super::table::LiveTable;
use super::tunnel::Tunnel;
use super::upload::{NoUpload, Upload};
use super::upstream::{Failure, Outgoing, Upstream};
use super::wire::MemberBody;
use super::{affinity, headers, pages};
use crate::data_plane::{
    Changes, RewriteAnswer, RewriteRequest, Routed, RoutingTable, Target, Verdict, retry_rule,
};
use crate::desired::{BackendSettings, Rewrite};
use crate::drive::live::request_id;
use crate::http::Clock;
use crate::ledger::{Attempt, Fault, RequestId};

/// The gateway ends the client's connection instead of answering.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the gateway closed the connection")]
pub(crate) struct Closed;

/// A request under way, with what a further attempt needs.
struct Pending {
    id: RequestId,
    head: Parts,
    /// `None` once it has been given away.
    body: Option<Upload>,
    turn: u64,
    attempt: u8,
    failed: Option<Ipv4Addr>,
    /// What rewrite rules change on its way to the member.
    changes: Changes,
}

/// What to do after a look at the table or an attempt.
enum Next {
    Answer(Response<Answer>),
    /// Another attempt, by the table as it is then.
    Again,
    Close,
}

/// Where a request was routed.
#[derive(Clone, Copy)]
struct Place<'table> {
    live: &'table LiveTable,
    table: &'table RoutingTable,
    target: &'table Target,
    rewrite: Option<&'table Rewrite>,
}

/// A member chosen for one attempt, and counted.
struct Chosen<'table> {
    target: &'table Target,
    settings: &'table BackendSettings,
    member: Ipv4Addr,
    upstream: &'table Arc<Upstream>,
    counted: Counted,
    /// The cookie that is to bind the client to the member, where it is not bound yet.
    bind: Option<&'table str>,
    rewrite: Option<&'table Rewrite>,
}

impl GatewayInstance {
    /// Answers one request of a client.
    pub(super) async fn answer(
        self: Arc<Self>,
        client: Arc<Client>,
        request: Request<Incoming>,
    ) -> Result<Response<Answer>, Closed> {
        let _busy = client.pace.answering();
        let (head, body) = request.into_parts();
        if headers::is_ambiguous(&head) {
            return Ok(Answer::last_page(StatusCode::BAD_REQUEST));
        }
        let mut pending = Pending {
            id: request_id(&head.headers),
            head,
            body: Some(Upload::of(body)),
            turn: self.next_turn(),
            attempt: 0,
            failed: None,
            changes: Changes::default(),
        };
        loop {
            let live = self.table().ok_or(Closed)?;
            match self.look_up(&client, &live, &mut pending).await {
                Next::Answer(answer) => {
                    self.meter.answered(answer.status().as_u16());
                    return Ok(answer);
                }
                Next::Again => {}
                Next::Close => return Err(Closed),
            }
        }
    }

    async fn look_up(
        self: &Arc<Self>,
        client: &Arc<Client>,
        live: &LiveTable,
        pending: &mut Pending,
    ) -> Next {
        let now = self.network.clock.now();
        let (table, as_opened) = live.serving(client.opened(), now, &self.knobs);
        if !as_opened {
            client.reopen(now);
        }
        let (address, port) = (client.address, client.entrance.port);
        let (host, path) = (host_of(&pending.head), path_of(&pending.head));
        let rewrite = table.rewrite(host, address, port, path);
        let changes = rewrite.map(|rewrite| rewrite.request(as_rules_see(client, &pending.head)));
        let changes = changes.unwrap_or_default();
        let path = match &changes.target {
            Some(target) if changes.reroute => target,
            _ => path,
        };
        let routed = table.route(host, address, port, path);
        pending.changes = changes;
        match routed {
            Routed::NotListening => Next::Close,
            Routed::NotFound => page(StatusCode::NOT_FOUND),
            Routed::Redirect { status, location } => {
                Next::Answer(Answer::page(pages::redirect(status, &location)))
            }
            Routed::Pool(target) => {
                let place = Place {
                    live,
                    table,
                    target,
                    rewrite,
                };
                self.attempt(client, place, pending).await
            }
        }
    }

    /// Chooses a member of the target and sends it the request.
    async fn attempt(
        self: &Arc<Self>,
        client: &Arc<Client>,
        Place {
            live,
            table,
            target,
            rewrite,
        }: Place<'_>,
        pending: &mut Pending,
    ) -> Next {
        let settings = table.settings(target);
        let cookie = settings.affinity_cookie.as_deref();
        let headers = &pending.head.headers;
        let bound = cookie.and_then(|c| affinity::bound(headers, c, target, settings.port));
        let member = target.pick(pending.turn, bound, pending.failed);
        let beginning = Beginning {
            id: pending.id,
            generation: table.generation,
            member,
            attempt: pending.attempt,
        };
        let record = Record::begin(self, client, beginning);
        let Some(member) = member else {
            return fail(record, Fault::NoHealthyMember, 502);
        };
        let upstream = live.upstream(member, settings.port);
        let entered = upstream.and_then(|upstream| Some((upstream, upstream.enter()?)));
        let Some((upstream, counted)) = entered else {
            // The member was given up between the look at the table and the count.
            client.reopen(self.network.clock.now());
            record.discard();
            return Next::Again;
        };
        let chosen = Chosen {
            target,
            settings,
            member,
            upstream,
            counted,
            bind: cookie.filter(|_| bound != Some(member)),
            rewrite,
        };
        self.send(client, chosen, pending, record).await
    }

    async fn send(
        &self,
        client: &Client,
        chosen: Chosen<'_>,
        pending: &mut Pending,
        record: Record,
    ) -> Next {
        let Some(upload) = Upload::take(&mut pending.body) else {
            return fail(record, Fault::Reset, 502);
        };
        let settings = chosen.settings;
        let upgrade = headers::upgrade(&pending.head.headers);
        let forwarding = Forwarding {
            target: &member_target(pending, settings.path.as_deref()),
            changes: &pending.changes,
            host: settings.host.as_deref(),
            original_host: host_of(&pending.head),
            trace: pending.turn << 16 | u64::from(self.number),
            upgrade,
        };
        let head = headers::forward(&pending.head, &upload, &client.entrance, forwarding);
        let request = Outgoing {
            method: pending.head.method.clone(),
            head,
            upload,
        };
        let patience = self.patience(settings);
        let sent = chosen.upstream.send(&self.network, patience, request).await;
        match sent {
            Ok(response) if response.body().is_upgrade() => match upgrade {
                Some(_) => self.tunnel(client, chosen, record, response),
                // A change of protocol that nobody asked for is no answer.
                None => fail(record, Fault::Reset, 502),
            },
            Ok(mut response) => {
                if let Some(rewrite) = chosen.rewrite {
                    rewrite_answer(rewrite, client, &pending.head, &mut response);
                }
                pass_on(chosen, record, response)
            }
            Err(failure) => self.judge(client, chosen, pending, record, failure),
        }
    }

    /// Both sides speak another protocol from here on, and the gateway passes bytes.
    fn tunnel(
        &self,
        client: &Client,
        chosen: Chosen<'_>,
        record: Record,
        response: Response<MemberBody>,
    ) -> Next {
        let (mut head, body) = response.into_parts();
        headers::keep_upgrade(&mut head.headers);
        client.open_tunnel(Tunnel {
            member: body.into_stream(),
            idle: self.network.clock.patience(chosen.settings.request_timeout),
            counted: chosen.counted,
            record,
        });
        Next::Answer(Response::from_parts(head, Answer::empty()))
    }

    /// Decides about a failed attempt: the core's rule, as far as the request can be sent again.
    fn judge(
        &self,
        client: &Client,
        chosen: Chosen<'_>,
        pending: &mut Pending,
        mut record: Record,
        failure: Failure,
    ) -> Next {
        let (fault, unsent) = match failure {
            Failure::Member { fault, unsent } => (fault, unsent),
            Failure::Client(why) => return refuse(record, why),
        };
        let was_unsent = unsent.is_some();
        if was_unsent {
            pending.body = unsent;
        }
        if chosen.counted.is_cut() {
            if was_unsent {
                client.reopen(self.network.clock.now());
                record.discard();
                return Next::Again;
            }
            record.finish(Attempt::Cut);
            return Next::Close;
        }
        match retry_rule(pending.attempt, fault, &self.knobs) {
            Verdict::Answer(status) => fail(record, fault, status),
            Verdict::Retry { otherwise } => {
                let other = chosen.target.pick(pending.turn, None, Some(chosen.member));
                if other.is_none() || pending.body.is_none() {
                    return fail(record, fault, otherwise);
                }
                record.finish(Attempt::Retried(fault));
                pending.failed = Some(chosen.member);
                pending.attempt += 1;
                Next::Again
            }
        }
    }
}

fn rewrite_answer(
    rewrite: &Rewrite,
    client: &Client,
    head: &Parts,
    response: &mut Response<MemberBody>,
) {
    let answer = RewriteAnswer {
        status: response.status().as_u16(),
        headers: response.headers(),
    };
    let changes = rewrite.answer(as_rules_see(client, head), answer);
    headers::change(response.headers_mut(), &changes);
}

fn as_rules_see<'a>(client: &Client, head: &'a Parts) -> RewriteRequest<'a> {
    RewriteRequest {
        method: head.method.as_str(),
        scheme: client.entrance.scheme,
        host: host_of(head),
        target: path_of(head),
        headers: &head.headers,
        client: client.entrance.address,
        port: client.entrance.port,
    }
}

fn pass_on(chosen: Chosen<'_>, mut record: Record, response: Response<MemberBody>) -> Next {
    let (mut head, mut body) = response.into_parts();
    headers::strip_hop_by_hop(&mut head.headers);
    if let Some(cookie) = chosen.bind {
        let port = chosen.settings.port;
        affinity::bind(&mut head.headers, cookie, chosen.member, port);
    }
    let status = head.status.as_u16();
    let answer = match body.take_whole() {
        Some(whole) => {
            record.finish(Attempt::Served { status });
            if let Some(connection) = body.into_connection() {
                chosen.upstream.keep(connection, record.now());
            }
            Answer::whole(whole)
        }
        None => Answer::member(Passing {
            body: Some(body),
            status,
            upstream: Arc::clone(chosen.upstream),
            counted: chosen.counted,
            record,
            broken: false,
        }),
    };
    Next::Answer(Response::from_parts(head, answer))
}

/// The client did not send the body that it announced (azure-facts.md §5.2). One that left does not
/// read the page.
fn refuse(mut record: Record, why: NoUpload) -> Next {
    record.finish(Attempt::ClientGone);
    page(match why {
        NoUpload::Malformed => StatusCode::BAD_REQUEST,
        NoUpload::Stalled => StatusCode::REQUEST_TIMEOUT,
    })
}

fn fail(mut record: Record, fault: Fault, status: u16) -> Next {
    record.finish(Attempt::Failed { fault, status });
    page(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY))
}

fn page(status: StatusCode) -> Next {
    Next::Answer(Answer::page(pages::error(status)))
}

fn host_of(head: &Parts) -> &str {
    let header = head.headers.get(HOST).and_then(|host| host.to_str().ok());
    header.or_else(|| head.uri.host()).unwrap_or_default()
}

fn path_of(head: &Parts) -> &str {
    head.uri.path_and_query().map_or("/", PathAndQuery::as_str)
}

/// The request target in origin form, below the settings' path where they override it.
fn member_target<'a>(pending: &'a Pending, prefix: Option<&str>) -> Cow<'a, str> {
    let rewritten = pending.changes.target.as_deref();
    // What cannot stand in a request line is not written there.
    let rewritten = rewritten.filter(|target| target.parse::<PathAndQuery>().is_ok());
    let path = rewritten.unwrap_or_else(|| path_of(&pending.head));
    match prefix {
        Some(prefix) => Cow::Owned(format!("{}{path}", prefix.trim_end_matches('/'))),
        None => Cow::Borrowed(path),
    }
}
