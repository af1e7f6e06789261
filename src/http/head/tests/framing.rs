//! How far does a request body reach?

use super::Expected::{Chunked, Length, NoBody, Refused};
use super::{Row, check, request};
use crate::http::Refusal::*;

const CODINGS: &[Row] = &[
    // rule: transfer coding
    (b"Accept: */*", NoBody),
    (b"Transfer-Encoding: chunked", Chunked),
    (b"transfer-encoding:\tCHUNKED ", Chunked),
    // rule: two framings
    // With Content-Length.
    (b"Content-Length: 5\r\nTransfer-Encoding: chunked", Refused(TwoFramings)),
    (b"Transfer-Encoding: chunked\r\nContent-Length: 5", Refused(TwoFramings)),
    (b"Transfer-Encoding: chunked\r\nContent-Length: 0", Refused(TwoFramings)),
    (b"Transfer-Encoding: gzip\r\nContent-Length: 5", Refused(TwoFramings)),
    (b"Transfer-Encoding:\r\nContent-Length: 5", Refused(TwoFramings)),
    // rule: transfer coding
    // Well-formed, but of codings that are not ours.
    (b"Transfer-Encoding: gzip", Refused(UnknownTransferCoding)),
    (b"Transfer-Encoding: identity", Refused(UnknownTransferCoding)),
    (b"Transfer-Encoding: xchunked", Refused(UnknownTransferCoding)),
    (b"Transfer-Encoding: chunkedx", Refused(UnknownTransferCoding)),
    (b"Transfer-Encoding: chun-ked", Refused(UnknownTransferCoding)),
    (b"Transfer-Encoding: gzip, chunked", Refused(UnknownTransferCoding)),
    (b"Transfer-Encoding: gzip;q=1", Refused(UnknownTransferCoding)),
    (b"Transfer-Encoding: gzip ; q=1,deflate", Refused(UnknownTransferCoding)),
    // Malformed, or chunked anywhere but at the end.
    (b"Transfer-Encoding: chunked, gzip", Refused(BadTransferEncoding)),
    (b"Transfer-Encoding: chunked, chunked", Refused(BadTransferEncoding)),
    (b"Transfer-Encoding: chunked,", Refused(BadTransferEncoding)),
    (b"Transfer-Encoding: ,chunked", Refused(BadTransferEncoding)),
    (b"Transfer-Encoding: chunked;a=b", Refused(BadTransferEncoding)),
    (b"Transfer-Encoding: gzip, chunked;a", Refused(BadTransferEncoding)),
    (b"Transfer-Encoding: chunked gzip", Refused(BadTransferEncoding)),
    (b"Transfer-Encoding: \"chunked\"", Refused(BadTransferEncoding)),
    (b"Transfer-Encoding: chunked\x80", Refused(BadTransferEncoding)),
    (b"Transfer-Encoding: chu\tnked", Refused(BadTransferEncoding)),
    (b"Transfer-Encoding:", Refused(BadTransferEncoding)),
    (b"Transfer-Encoding: ,", Refused(BadTransferEncoding)),
    // On several lines.
    (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", Refused(BadTransferEncoding)),
    (b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", Refused(BadTransferEncoding)),
    (b"Transfer-Encoding:\r\nTransfer-Encoding: chunked", Refused(BadTransferEncoding)),
    // rule: transfer coding
    // In disguise.
    (b"Transfer-Encoding: chunked\r\n , gzip", Refused(ObsoleteFold)),
    (b"Transfer-Encoding : chunked", Refused(MisplacedWhiteSpace)),
    (b"Transfer-Encoding\t: chunked", Refused(MisplacedWhiteSpace)),
    (b"Transfer-Encoding: \x0bchunked", Refused(BadFieldValue)),
    (b"Transfer-Encoding: chunked\x0c", Refused(BadFieldValue)),
    (b"Transfer_Encoding: chunked", NoBody),
];

const LENGTHS: &[Row] = &[
    // rule: length
    (b"Content-Length: 0", NoBody),
    (b"Content-Length: 5", Length(5)),
    (b"content-LENGTH:5", Length(5)),
    (b"Content-Length: \t 5 \t", Length(5)),
    (b"Content-Length: 0000000000000000000000000005", Length(5)),
    // rule: repeated length
    // Repeated or a list, even of equals.
    (b"Content-Length: 5\r\nContent-Length: 5", Refused(RepeatedContentLength)),
    (b"Content-Length: 5\r\ncontent-length: 6", Refused(RepeatedContentLength)),
    (b"Content-Length: 5\r\nContent-Length: x", Refused(RepeatedContentLength)),
    (b"Content-Length: 5, 5", Refused(RepeatedContentLength)),
    (b"Content-Length: 5,6", Refused(RepeatedContentLength)),
    (b"Content-Length: 5,", Refused(RepeatedContentLength)),
    (b"Content-Length: ,5", Refused(RepeatedContentLength)),
    // rule: length
    // Too large.
    (b"Content-Length: 9007199254740991", Length((1 << 53) - 1)),
    (b"Content-Length: 9007199254740992", Refused(BadContentLength)),
    (b"Content-Length: 18446744073709551616", Refused(BadContentLength)),
    (b"Content-Length: 18446744073709551621", Refused(BadContentLength)),
    (b"Content-Length: 99999999999999999999999999999999", Refused(BadContentLength)),
    // No 1*DIGIT.
    (b"Content-Length:", Refused(BadContentLength)),
    (b"Content-Length: +5", Refused(BadContentLength)),
    (b"Content-Length: -5", Refused(BadContentLength)),
    (b"Content-Length: -0", Refused(BadContentLength)),
    (b"Content-Length: 0x5", Refused(BadContentLength)),
    (b"Content-Length: 5a", Refused(BadContentLength)),
    (b"Content-Length: 5 5", Refused(BadContentLength)),
    (b"Content-Length: 5.0", Refused(BadContentLength)),
    (b"Content-Length: 5e1", Refused(BadContentLength)),
    (b"Content-Length: 1_000", Refused(BadContentLength)),
    (b"Content-Length: \"5\"", Refused(BadContentLength)),
    (b"Content-Length: 5;a", Refused(BadContentLength)),
    (b"Content-Length: \xd9\xa5", Refused(BadContentLength)),
    (b"Content-Length: 5\x0b", Refused(BadFieldValue)),
    (b"Content-Length : 5", Refused(MisplacedWhiteSpace)),
    (b"Content_Length: 5", NoBody),
];

// rule: coding of HTTP/1.0
const HTTP10: &[Row] = &[
    (b"A: b", NoBody),
    (b"Content-Length: 5", Length(5)),
    (b"Transfer-Encoding: chunked", Refused(TransferEncodingInHttp10)),
    (b"Transfer-Encoding: identity", Refused(TransferEncodingInHttp10)),
    (b"Transfer-Encoding: chunked\r\nConnection: close", Refused(TransferEncodingInHttp10)),
    (b"Content-Length: 5\r\nTransfer-Encoding: chunked", Refused(TwoFramings)),
    (b"Content-Length: 5\r\nContent-Length: 5", Refused(RepeatedContentLength)),
];

#[test]
fn a_request_has_one_framing_and_never_two() {
    check(request, b"POST / HTTP/1.1\r\nHost: a\r\n", b"\r\n\r\n", CODINGS);
    check(request, b"POST / HTTP/1.1\r\nHost: a\r\n", b"\r\n\r\n", LENGTHS);
}

#[test]
fn http10_has_no_transfer_encoding() {
    check(request, b"POST / HTTP/1.0\r\n", b"\r\n\r\n", HTTP10);
}
