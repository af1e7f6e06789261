//! What time is it, in a `Date` field? (RFC 9110 5.6.7)

use std::time::{Duration, SystemTime};

/// The last second that the four digits of an IMF-fixdate can name.
const LAST_SECOND: u64 = 253_402_300_799;

/// Writes a time, given in seconds since 1970 UTC, as an IMF-fixdate. Times after the year 9999 are
/// written as its last second.
///
/// ```
/// # use tidegate::http::date::imf_fixdate;
/// assert_eq!(&imf_fixdate(784_111_777), b"Sun, 06 Nov 1994 08:49:37 GMT");
/// ```
pub fn imf_fixdate(unix_seconds: u64) -> [u8; 29] {
    let since_1970 = Duration::from_secs(unix_seconds.min(LAST_SECOND));
    let text = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + since_1970);
    // The form has one length only; a shorter text would be padded rather than cut the program.
    let mut date = [b' '; 29];
    for (slot, byte) in date.iter_mut().zip(text.bytes()) {
        *slot = byte;
    }
    date
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_second_is_written_in_the_one_form_and_read_back() {
        let seconds = [0, 1, 951_782_400, 951_868_799, 4_107_542_400, LAST_SECOND];
        for second in seconds.into_iter().chain((0..LAST_SECOND).step_by(987_654_321)) {
            let date = imf_fixdate(second);
            let text = std::str::from_utf8(&date).unwrap();
            let read = httpdate::parse_http_date(text).unwrap();
            assert_eq!(read, SystemTime::UNIX_EPOCH + Duration::from_secs(second), "{text}");
        }
    }

    #[test]
    fn a_time_beyond_four_digits_stands_still() {
        assert_eq!(&imf_fixdate(LAST_SECOND + 1), b"Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(imf_fixdate(u64::MAX), imf_fixdate(LAST_SECOND));
    }
}
