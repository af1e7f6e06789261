//! What is a request for, and what may its fields ask of a gateway?

use super::Expected::{Length, NoBody, Refused};
use super::{Row, check, request};
use crate::http::Refusal::*;

// rule: host
const HOSTS: &[Row] = &[
    (b"Host: a", NoBody),
    (b"hOST:a:8080 \t", NoBody),
    (b"Host: [::1]:80", NoBody),
    (b"Host: 10.0.0.1", NoBody),
    (b"Host: a:", NoBody),
    (b"B: c", Refused(MissingHost)),
    (b"X-Host: a", Refused(MissingHost)),
    (b"Host: a\r\nHost: a", Refused(RepeatedHost)),
    (b"Host: a\r\nB: c\r\nhost: b", Refused(RepeatedHost)),
    (b"Host:\r\nHost: b", Refused(RepeatedHost)),
    (b"Host:", Refused(BadHost)),
    (b"Host: :80", Refused(BadHost)),
    (b"Host: a b", Refused(BadHost)),
    (b"Host: a, b", Refused(BadHost)),
    (b"Host: me@a", Refused(BadHost)),
    (b"Host: http://a", Refused(BadHost)),
    (b"Host: a/b", Refused(BadHost)),
    (b"Host: a?b", Refused(BadHost)),
    (b"Host: a#b", Refused(BadHost)),
    (b"Host: a:65536", Refused(BadHost)),
    (b"Host: a:b", Refused(BadHost)),
    (b"Host: a:80:80", Refused(BadHost)),
    (b"Host: ::1", Refused(BadHost)),
    (b"Host: [::1", Refused(BadHost)),
    (b"Host: a\xff", Refused(BadHost)),
    (b"Host: \"a\"", Refused(BadHost)),
];

// rule: host
const HTTP10_HOSTS: &[Row] = &[
    (b"A: b", NoBody),
    (b"Host: a", NoBody),
    (b"Host:", Refused(BadHost)),
    (b"Host: a b", Refused(BadHost)),
    (b"Host: a\r\nHost: a", Refused(RepeatedHost)),
];

// rule: absolute-form
const TARGET_FORMS: &[Row] = &[
    (b"GET http://a/", NoBody),
    (b"GET http://a", NoBody),
    (b"GET HTTP://a:80/b?c", NoBody),
    (b"GET http://[::1]:80/", NoBody),
    (b"GET http://a?b", NoBody),
    (b"GET https://a/", Refused(WrongScheme)),
    (b"GET ftp://a/", Refused(WrongScheme)),
    (b"GET ws://a/", Refused(WrongScheme)),
    (b"GET ://a/", Refused(WrongScheme)),
    (b"GET http:/a", Refused(BadTarget)),
    (b"GET http:a", Refused(BadTarget)),
    (b"GET http://", Refused(BadHost)),
    (b"GET http:///a", Refused(BadHost)),
    (b"GET http://?a", Refused(BadHost)),
    (b"GET http://me@a/", Refused(BadHost)),
    (b"GET http://a:b/", Refused(BadHost)),
    (b"GET http://a:65536/", Refused(BadHost)),
    (b"GET http://a\\b/", Refused(BadHost)),
    (b"GET http://a#b", Refused(BadTarget)),
    (b"GET http://a/#b", Refused(BadTarget)),
    // rule: method
    (b"OPTIONS *", NoBody),
    (b"OPTIONS /", NoBody),
    (b"OPTIONS http://a", NoBody),
    (b"GET *", Refused(BadTarget)),
    (b"options *", Refused(BadTarget)),
    (b"OPTIONS **", Refused(BadTarget)),
    (b"OPTIONS *?a", Refused(BadTarget)),
    (b"CONNECT a:443", Refused(MethodNotAllowed)),
    (b"CONNECT /", Refused(MethodNotAllowed)),
    (b"TRACE /", Refused(MethodNotAllowed)),
    (b"TRACE *", Refused(MethodNotAllowed)),
    (b"connect a:443", Refused(BadTarget)),
    (b"TRACK /", NoBody),
];

// rule: hop-by-hop
const CONNECTION_OPTIONS: &[Row] = &[
    (b"Connection: close", NoBody),
    (b"Connection: keep-alive, X-Custom, Upgrade, TE", NoBody),
    (b"Connection:", NoBody),
    (b"Connection: ,, close ,", NoBody),
    (b"Connection: X-Forwarded", NoBody),
    (b"Connection: Hosts", NoBody),
    (b"Connection: Host", Refused(ConnectionNamesField)),
    (b"Connection: close, hOST", Refused(ConnectionNamesField)),
    (b"Connection: Content-Length", Refused(ConnectionNamesField)),
    (b"Connection: transfer-encoding", Refused(ConnectionNamesField)),
    (b"Connection: Cookie", Refused(ConnectionNamesField)),
    (b"Connection: Authorization", Refused(ConnectionNamesField)),
    (b"Connection: X-Forwarded-For", Refused(ConnectionNamesField)),
    (b"Connection: x-forwarded-proto", Refused(ConnectionNamesField)),
    (b"Connection: X-Forwarded-Anything", Refused(ConnectionNamesField)),
    (b"Connection: close\r\nConnection: Cookie", Refused(ConnectionNamesField)),
    (b"Connection: a b", Refused(BadConnection)),
    (b"Connection: \"close\"", Refused(BadConnection)),
    (b"Connection: keep-alive; timeout=5", Refused(BadConnection)),
    (b"Connection: close\xa0", Refused(BadConnection)),
    (b"Connection: a/b", Refused(BadConnection)),
];

// rule: expectation
const EXPECTATIONS: &[Row] = &[
    (b"Expect: 100-continue", Length(1)),
    (b"Expect: 100-CONTINUE", Length(1)),
    (b"Expect: 100-continue, 100-continue", Length(1)),
    (b"Expect:", Length(1)),
    (b"Expect: 100-continue=1", Refused(UnknownExpectation)),
    (b"Expect: 200-ok", Refused(UnknownExpectation)),
    (b"Expect: 100-continue, a", Refused(UnknownExpectation)),
    (b"Expect: 100-continue\r\nExpect: a", Refused(UnknownExpectation)),
    (b"Expect: \"100-continue\"", Refused(UnknownExpectation)),
];

#[test]
fn a_request_is_for_one_valid_host() {
    check(request, b"GET / HTTP/1.1\r\n", b"\r\nA: b\r\n\r\n", HOSTS);
    check(request, b"GET / HTTP/1.0\r\n", b"\r\n\r\n", HTTP10_HOSTS);
}

#[test]
fn the_method_decides_which_forms_a_target_may_have() {
    check(request, b"", b" HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_FORMS);
}

#[test]
fn connection_may_not_name_what_frames_routes_or_authenticates() {
    check(request, b"GET / HTTP/1.1\r\nHost: a\r\n", b"\r\n\r\n", CONNECTION_OPTIONS);
}

#[test]
fn the_only_expectation_is_100_continue() {
    let before = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n";
    check(request, before, b"\r\n\r\n", EXPECTATIONS);
}
