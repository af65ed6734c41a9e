//! Metrics in the bakes: good goes on, bad goes back, unknown is neither.

use super::*;
use crate::environment::{OutsideError, Reply, Whom};

fn value(number: &str) -> Result<Reply, OutsideError> {
    let body = format!(
        "{{\"status\":\"success\",\"data\":{{\"resultType\":\"vector\",\"result\":[{number}]}}}}"
    );
    Ok(Reply::Web {
        status: 200,
        body: body.into(),
    })
}

fn sample(number: &str) -> Result<Reply, OutsideError> {
    value(&format!("{{\"metric\":{{}},\"value\":[1,\"{number}\"]}}"))
}

fn measured(bounds: &str, replies: Vec<Result<Reply, OutsideError>>) -> Lab {
    let mut lab = lab();
    let text = format!(
        "name = \"errors\"\nprometheus = {{ url = \"http://p:9090/\" }}\nevery = \"10s\"\n{bounds}"
    );
    lab.config.analysis = vec![toml::from_str(&text).expect("the literal is an analysis")];
    lab.fake.outside.borrow_mut().replies = replies;
    lab
}

const LIMIT: &str = "new = 'errors{side=\"{{side}}\",build=\"{{build}}\"}'\nat_most = 0.1";

#[test]
fn a_good_metric_goes_on_and_is_asked_about_the_new_side() {
    let lab = measured(LIMIT, vec![sample("0.05")]);
    let report = lab.swap();
    assert_eq!(report.exit_code(), 0, "{}", report.reason);
    let evidence = report.phases.iter().filter(|p| {
        p.evidence
            .iter()
            .any(|line| line.contains("metric `errors`: 0.05"))
    });
    let phases: Vec<Phase> = evidence.map(|p| p.phase).collect();
    assert_eq!(phases, [Phase::P6, Phase::P9]);
    let outside = lab.fake.outside.borrow();
    let Whom::Web { rest, body, .. } = &outside.calls[0].1.whom else {
        panic!("a server is asked");
    };
    assert!(
        rest.starts_with("/api/v1/query?query=errors%7Bside%3D%22blue%22%2Cbuild%3D%22"),
        "{rest}"
    );
    assert_eq!(*body, None);
}

#[test]
fn a_bad_metric_leads_back_and_says_why() {
    let lab = measured(LIMIT, vec![sample("0.05"), sample("0.3")]);
    let report = lab.swap();
    assert_eq!(report.exit_code(), 5, "{}", report.reason);
    assert!(
        report.reason.contains("0.3 is more than 0.1"),
        "{}",
        report.reason
    );
    assert_eq!(lab.puts(), [vec![GREEN, BLUE], vec![GREEN]]);
}

#[test]
fn the_old_side_is_the_measure_while_both_serve() {
    let relative = "new = \"q\"\nold = \"q\"\nratio = 2.0\nsamples = 1\nfailures = 1";
    for (replies, exit_code) in [
        (vec![sample("0.3"), sample("0.1")], 5),
        (vec![sample("0.1")], 0),
    ] {
        let report = measured(relative, replies).swap();
        assert_eq!(report.exit_code(), exit_code, "{}", report.reason);
    }
}

#[test]
fn no_data_is_not_good_and_the_bake_gives_up_at_its_ceiling() {
    for nothing in [
        value(""),
        sample("NaN"),
        Err(OutsideError::Unheard("refused".to_owned())),
    ] {
        let lab = measured(LIMIT, vec![nothing]);
        let report = lab.swap();
        assert_eq!(report.exit_code(), 5, "{}", report.reason);
        assert!(
            report.reason.contains("metric `errors`"),
            "{}",
            report.reason
        );
    }
}
