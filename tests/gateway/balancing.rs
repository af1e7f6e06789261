//! Which server gets a request, and which gets none.

use crate::origin::{Origin, Service};
use crate::support::{Gateway, config, http};
use std::collections::BTreeMap;

fn services(count: usize) -> Vec<Service> {
    (1..=count).map(|number| Origin::bind().serve_content(number.to_string())).collect()
}

fn answers(gateway: &Gateway, count: usize) -> Vec<String> {
    (0..count).map(|_| gateway.get("/").text().to_owned()).collect()
}

#[test]
fn round_robin_takes_each_server_in_the_order_of_its_number() {
    let services = services(3);
    // Gaps are allowed, and ten comes after two.
    let numbers = [2, 10, 7];
    let mut keys = "[http]\nenable_health_check=false\nalgorithm=round-robin\n".to_owned();
    for (service, number) in services.iter().zip(numbers) {
        keys.push_str(&format!("server{number}_addr={}\n", service.address()));
    }
    let gateway = Gateway::start(&config("", &keys));
    assert_eq!(answers(&gateway, 9).concat(), "132132132");
}

#[test]
fn round_robin_counts_requests_and_not_connections() {
    let services = services(3);
    let servers: Vec<_> = services.iter().map(Service::address).collect();
    let gateway = Gateway::start(&config("", &http(&servers, "algorithm=round-robin")));
    let mut client = gateway.client();
    let answers: String = (0..6).map(|_| client.get("/").text().to_owned()).collect();
    assert_eq!(answers, "123123");
}

#[test]
fn random_is_the_default_and_uniform() {
    const REQUESTS: usize = 300;
    let services = services(3);
    let servers: Vec<_> = services.iter().map(Service::address).collect();
    let gateway = Gateway::start(&config("", &http(&servers, "")));
    let mut client = gateway.client();
    let mut counts = BTreeMap::new();
    let mut repeats = 0;
    let mut last = String::new();
    for _ in 0..REQUESTS {
        let answer = client.get("/").text().to_owned();
        *counts.entry(answer.clone()).or_insert(0) += 1;
        repeats += usize::from(answer == last);
        last = answer;
    }
    // Six standard deviations around the mean: one run in a hundred million is outside.
    let deviation = (REQUESTS as f64 * (1.0 / 3.0) * (2.0 / 3.0)).sqrt();
    let around = |count: usize| (count as f64 - REQUESTS as f64 / 3.0).abs() < 6.0 * deviation;
    assert!(counts.len() == 3 && counts.values().all(|count| around(*count)), "{counts:?}");
    assert!(around(repeats), "{repeats} times the same server twice");
}

#[test]
fn a_server_that_refuses_three_times_in_a_row_sits_out() {
    let refusing = Origin::refusing();
    let healthy = Origin::bind().serve_content("healthy");
    let keys = "algorithm=round-robin serverN_worker_timeout=1ms";
    let gateway = Gateway::start(&config("", &http(&[refusing, healthy.address()], keys)));
    // Refusals are not seen by anybody.
    for _ in 0..6 {
        assert_eq!(gateway.get("/").text(), "healthy");
    }
    gateway.wait_for_log("3 times in a row", 1);
    // It is there again, but its time is not over.
    let back = Origin::bind_to(refusing).serve_content("back");
    for _ in 0..10 {
        assert_eq!(gateway.get("/").text(), "healthy");
    }
    assert_eq!(back.connections(), 0);
}

#[test]
fn a_good_probe_ends_the_sitting_out() {
    let refusing = Origin::refusing();
    let keys = "algorithm=round-robin health_check_interval=100ms health_check_fall=1000";
    let healthy = Origin::bind().serve_content("healthy");
    let gateway = Gateway::start(&config("", &http(&[refusing, healthy.address()], keys)));
    for _ in 0..6 {
        assert_eq!(gateway.get("/").text(), "healthy");
    }
    gateway.wait_for_log("3 times in a row", 1);
    let back = Origin::bind_to(refusing).serve_content("back");
    crate::support::wait_until("two good probes", || back.probes() >= 2);
    let mut both = answers(&gateway, 2);
    both.sort();
    assert_eq!(both, ["back", "healthy"]);
}

#[test]
fn when_all_sit_out_there_is_nobody_left() {
    let gateway = Gateway::start(&config("", &http(&[Origin::refusing()], "")));
    for _ in 0..3 {
        assert_eq!(gateway.get("/").status(), 502);
    }
    let response = gateway.get("/");
    assert_eq!((response.status(), response.reason().as_str()), (503, "no_healthy_server"));
    assert_eq!(response.head.field("Retry-After"), Some("1"));
}
