//! A strict reader of the format, of our own, and what it makes of our text.

use super::render;
use crate::admin::snapshot::tests::example;
use std::collections::{BTreeMap, BTreeSet};

type Labels = BTreeMap<String, String>;

struct Family {
    kind: String,
    samples: Vec<(String, Labels, f64)>,
}

/// Reads the text, or says which line breaks which rule.
fn read(text: &str) -> Result<BTreeMap<String, Family>, String> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let (mut helped, mut current) = (None, String::new());
    if !text.ends_with('\n') {
        return Err("the last line has no end".to_owned());
    }
    for line in text.lines() {
        let wrong = |what: &str| format!("{what}: {line}");
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').ok_or_else(|| wrong("no help"))?;
            if help.is_empty() || !help.ends_with(['.', ')']) || helped.is_some() {
                return Err(wrong("help"));
            }
            helped = Some(name.to_owned());
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').ok_or_else(|| wrong("no type"))?;
            if helped.take().as_deref() != Some(name) || families.contains_key(name) {
                return Err(wrong("not right behind its help, or a second time"));
            }
            if !["counter", "gauge", "histogram"].contains(&kind) {
                return Err(wrong("kind"));
            }
            if (kind == "counter") != name.ends_with("_total") {
                return Err(wrong("a counter and only a counter ends in _total"));
            }
            current = name.to_owned();
            families.insert(current.clone(), Family { kind: kind.to_owned(), samples: Vec::new() });
        } else {
            let (name, labels, value) = sample(line).ok_or_else(|| wrong("no sample"))?;
            let family = families.get_mut(&current).ok_or_else(|| wrong("no family"))?;
            let suffix = name.strip_prefix(&current).ok_or_else(|| wrong("another family's"))?;
            let fits = match family.kind.as_str() {
                "histogram" => ["_bucket", "_sum", "_count"].contains(&suffix),
                _ => suffix.is_empty(),
            };
            if !fits || !seen.insert((name.clone(), labels.clone())) || helped.is_some() {
                return Err(wrong("name, or a second time"));
            }
            family.samples.push((name, labels, value));
        }
    }
    Ok(families)
}

fn sample(line: &str) -> Option<(String, Labels, f64)> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let is_name = |name: &str| {
        let mut bytes = name.bytes();
        bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
            && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    let mut labels = Labels::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"")?;
            let mut value = String::new();
            let mut chars = after.char_indices();
            let end = loop {
                match chars.next()? {
                    (at, '"') => break at,
                    (_, '\\') => value.push(match chars.next()?.1 {
                        'n' => '\n',
                        c @ ('"' | '\\') => c,
                        _ => return None,
                    }),
                    (_, c) => value.push(c),
                }
            };
            if !is_name(label) || labels.insert(label.to_owned(), value).is_some() {
                return None;
            }
            rest = &after[end + 1..];
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        rest = rest.strip_prefix('}')?;
    }
    let value = rest.strip_prefix(' ')?;
    let number = value.parse().ok().filter(|_| !value.contains(' '))?;
    is_name(name).then(|| (name.to_owned(), labels, number))
}

#[test]
fn the_text_obeys_the_format_and_tells_what_the_snapshot_holds() {
    let snapshot = example();
    let families = read(&render(&snapshot)).unwrap();
    let value = |name: &str, labels: &[(&str, &str)]| {
        let family = families.values().find(|f| f.samples.iter().any(|(n, ..)| n == name));
        let fits = |found: &Labels| {
            labels.iter().all(|(label, value)| found.get(*label).is_some_and(|v| v == value))
        };
        let mut found = family.into_iter().flat_map(|f| &f.samples);
        found.find(|(n, found, _)| n == name && fits(found)).map(|(.., value)| *value)
    };
    let one = [("section", "http"), ("server", "1")];
    assert_eq!(value("tidegate_server_available", &one), Some(1.0));
    assert_eq!(value("tidegate_server_standing", &[one[0], one[1], ("standing", "up")]), Some(1.0));
    assert_eq!(value("tidegate_workers", &[one[0], one[1], ("state", "busy")]), Some(2.0));
    assert_eq!(value("tidegate_line_length", &one), Some(4.0));
    assert_eq!(value("tidegate_exchange_seconds_count", &one), Some(3.0));
    assert_eq!(value("tidegate_answers_total", &[("reason", "queue_full")]), Some(7.0));
    assert_eq!(value("tidegate_requests_total", &[]), Some(12.0));
    let tunnels = [("section", "websocket"), ("server", "9")];
    assert_eq!(value("tidegate_tunnels_open", &tunnels), Some(1.0));
    assert_eq!(value("tidegate_tunnels_open", &one), None, "a pool has no tunnels");
    assert_eq!(value("tidegate_workers", &tunnels), None, "tunnels have no pool");
    let from_client = [tunnels[0], ("from", "client")];
    assert_eq!(value("tidegate_tunnel_bytes_total", &from_client), Some(150.0));
    assert_eq!(value("tidegate_tunnel_messages_total", &from_client), Some(3.0));
    let by = |who| [tunnels[0], ("by", who)];
    assert_eq!(value("tidegate_tunnels_ended_total", &by("server")), Some(1.0));
    assert_eq!(value("tidegate_tunnels_ended_total", &by("client")), Some(0.0));
    assert_eq!(value("tidegate_tunnel_closes_total", &[("code", "1001")]), Some(1.0));
    assert_eq!(value("tidegate_tunnel_closes_total", &[("code", "other")]), Some(0.0));
    assert_eq!(value("tidegate_accept_backlog", &[]), Some(2.0));
    let odd = snapshot.sections[1].servers[0].address.as_str();
    assert_eq!(value("tidegate_tunnels_open", &[("address", odd)]), Some(1.0), "escaping");
}

#[test]
fn the_buckets_of_a_histogram_only_grow_and_end_in_the_count() {
    let families = read(&render(&example())).unwrap();
    let mut checked = 0;
    for (name, family) in families.iter().filter(|(_, family)| family.kind == "histogram") {
        let mut rows: BTreeMap<Labels, (f64, f64)> = BTreeMap::new();
        for (sample, labels, value) in &family.samples {
            let mut labels = labels.clone();
            match labels.remove("le") {
                Some(le) => {
                    let bound = if le == "+Inf" { f64::INFINITY } else { le.parse().unwrap() };
                    let last = rows.entry(labels).or_insert((f64::NEG_INFINITY, 0.0));
                    assert!(bound > last.0 && *value >= last.1, "{name}");
                    *last = (bound, *value);
                }
                None if sample.ends_with("_count") => {
                    assert_eq!(rows.get(&labels), Some(&(f64::INFINITY, *value)), "{name}");
                    checked += 1;
                }
                None => {}
            }
        }
    }
    // Four of each of the two servers, one of the tunnels, one of the loop.
    assert_eq!(checked, 4 * 2 + 1 + 1);
}

#[test]
fn the_reader_is_strict() {
    let head = "# HELP a_total It counts.\n# TYPE a_total counter\n";
    for wrong in [
        "a_total 1".to_owned(),
        "a_total 1\n".to_owned(),
        format!("{head}a_total 1\na_total 1\n"),
        format!("{head}b_total 1\n"),
        format!("{head}a_total{{b=\"}} 1\n"),
        format!("{head}a_total{{b=\"\\x\"}} 1\n"),
        format!("{head}a_total x\n"),
        format!("{head}{head}"),
        "# TYPE a_total counter\n".to_owned(),
        "# HELP a It counts.\n# TYPE a counter\n".to_owned(),
    ] {
        assert!(read(&wrong).is_err(), "{wrong}");
    }
    assert!(read(&format!("{head}a_total{{b=\"\\\"\"}} 1\n")).is_ok());
}
