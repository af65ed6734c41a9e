//! Metrics as gates and monitors read them.

use serde_json::{Value, json};

use crate::support::{Answer, Client};
use crate::topology::{GATEWAY, balancer, scale_set};

const NEW: &str = "10.0.0.5";

fn client() -> Client {
    let mut client = Client::with_network();
    client.side("green", NEW, 2);
    client.gateway(&[NEW, "10.0.0.6"]);
    client.advance_ms(300_000);
    client
}

fn read(client: &mut Client, of: &str, query: &str) -> Answer {
    client.get(&format!(
        "{of}/providers/microsoft.insights/metrics?{query}&api-version=2018-01-01"
    ))
}

/// What each time series is of, and its last average.
fn averages(metric: &Value) -> Vec<(Value, Option<f64>)> {
    let series = metric["timeseries"].as_array().expect("a list");
    let row = |row: &Value| {
        let points = row["data"].as_array().expect("a list");
        let last = points.last().and_then(|point| point["average"].as_f64());
        (row["metadatavalues"][0]["value"].clone(), last)
    };
    series.iter().map(row).collect()
}

#[test]
fn what_the_data_plane_knows_is_read_as_a_metric() {
    let mut client = client();
    let set = read(
        &mut client,
        &scale_set("green"),
        "metricnames=Percentage%20CPU,VmAvailabilityMetric&interval=PT5M",
    );
    assert_eq!(set.status, 200, "{}", set.body);
    assert_eq!(
        set.body["namespace"],
        "Microsoft.Compute/virtualMachineScaleSets"
    );
    assert_eq!(set.body["resourceregion"], "westeurope");
    let metrics = set.body["value"].as_array().expect("a list").clone();
    assert_eq!(metrics[0]["name"]["value"], "Percentage CPU");
    assert_eq!(metrics[0]["unit"], "Percent");
    let [(_, Some(busy))] = averages(&metrics[0])[..] else {
        panic!("one series with a value: {}", metrics[0]);
    };
    assert!((0.0..=5.0).contains(&busy), "only probes come in: {busy}");
    assert_eq!(averages(&metrics[1]), [(Value::Null, Some(1.0))]);

    let gateway = read(
        &mut client,
        GATEWAY,
        "metricnames=healthyhostcount,UnhealthyHostCount",
    );
    let by_pool = |metric: &Value, count| {
        assert_eq!(averages(metric), [(json!("pool01~s1"), Some(count))]);
    };
    by_pool(&gateway.body["value"][0], 1.0);
    by_pool(&gateway.body["value"][1], 1.0);

    let balancer = read(
        &mut client,
        &balancer("green"),
        "metricnames=DipAvailability",
    );
    let all = averages(&balancer.body["value"][0]);
    assert_eq!(all, [(Value::Null, Some(100.0))]);
}

#[test]
fn only_the_present_is_known() {
    let mut client = client();
    for (span, points) in [
        ("2026-01-01T00:00:00Z/2030-01-01T00:00:00Z", 1),
        ("2020-01-01T00:00:00Z/2020-01-02T00:00:00Z", 0),
    ] {
        let query = format!("metricnames=Percentage%20CPU&timespan={span}");
        let answer = read(&mut client, &scale_set("green"), &query);
        let data = &answer.body["value"][0]["timeseries"][0]["data"];
        assert_eq!(data.as_array().map(Vec::len), Some(points), "{span}");
        assert_eq!(answer.body["value"][0]["errorCode"], "Success");
    }
}

#[test]
fn what_nobody_measures_and_what_does_not_exist_differ() {
    let mut client = client();
    for (query, status, code) in [
        ("metricnames=FailedRequests", 501, "NotEmulated"),
        ("metricnames=Nonsense", 400, "BadRequest"),
        (
            "metricnames=HealthyHostCount&timespan=yesterday",
            400,
            "BadRequest",
        ),
        (
            "metricnames=HealthyHostCount&interval=PT0S",
            400,
            "BadRequest",
        ),
    ] {
        let answer = read(&mut client, GATEWAY, query);
        assert_eq!((answer.status, answer.code()), (status, code), "{query}");
    }
    let gone = read(&mut client, &scale_set("blue"), "metricnames=x");
    assert_eq!((gone.status, gone.code()), (404, "ResourceNotFound"));
    let path = format!("{GATEWAY}/providers/Microsoft.Insights/metricDefinitions");
    let listed = client.get(&path);
    let names: Vec<&str> = listed.body["value"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|row| row["name"]["value"].as_str())
        .collect();
    assert!(names.contains(&"HealthyHostCount"), "{names:?}");
}
