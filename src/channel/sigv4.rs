//! AWS Signature Version 4, for requests with a body that is in memory. Pure.
//!
//! docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html; the tests are the vectors of AWS's
//! published test suite.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

use crate::digest::Digest;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Who signs. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The access key's id: `AKIA…`.
    pub key_id: SecretString,
    /// Its secret.
    pub secret: SecretString,
    /// The session's token, where the key is a temporary one.
    pub token: Option<SecretString>,
}

/// A request as far as it is signed.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// `GET`, `POST`.
    pub method: &'a str,
    /// The path as it stands in the request line.
    pub path: &'a str,
    /// Header fields, names in lower case and in order.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
    /// Whether the path is signed as it stands: S3 wants that, and every other service wants it encoded once more.
    pub plain: bool,
}

/// The instant as AWS writes it: `20261201T080000Z`.
pub fn date(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// The value of `Authorization` for `request`, which has `x-amz-date: {date(at)}` among its headers.
pub fn authorization(
    credentials: &Credentials,
    region: &str,
    service: &str,
    request: &Signed<'_>,
    at: Timestamp,
) -> String {
    let date = date(at);
    let day = date.get(..8).unwrap_or_default();
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let names: Vec<&str> = request.headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let canonical = Digest::of(canonical(request, &names).as_bytes());
    let to_sign = format!("{ALGORITHM}\n{date}\n{scope}\n{canonical}");
    let first = format!("AWS4{}", credentials.secret.expose_secret());
    let key = [day, region, service, "aws4_request"]
        .iter()
        .fold(first.into_bytes(), |key, part| keyed(&key, part.as_bytes()).as_ref().to_vec());
    let signature = hex(keyed(&key, to_sign.as_bytes()).as_ref());
    let key_id = credentials.key_id.expose_secret();
    format!("{ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}")
}

fn canonical(request: &Signed<'_>, names: &str) -> String {
    let path = if request.plain { request.path.to_owned() } else { encoded(request.path) };
    let mut text = format!("{}\n{path}\n\n", request.method);
    for (name, value) in request.headers {
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        let _ = writeln!(text, "{name}:{value}");
    }
    let _ = write!(text, "\n{names}\n{}", Digest::of(request.body));
    text
}

/// The path, each of its bytes but `/` and those that are never encoded (RFC 3986 2.3) in percent form; what is in percent form
/// already is so once more, which every service but S3 wants.
fn encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

fn keyed(key: &[u8], text: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign(method: &str, path: &str, more: &[(&str, &str)], body: &str) -> String {
        let credentials = Credentials {
            key_id: "AKIDEXAMPLE".into(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            token: None,
        };
        let mut headers = vec![("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")];
        headers.extend_from_slice(more);
        headers.sort_by_key(|(name, _)| *name);
        let request = Signed { method, path, headers: &headers, body: body.as_bytes(), plain: false };
        let at = "2015-08-30T12:36:00Z".parse().unwrap();
        authorization(&credentials, "us-east-1", "service", &request, at)
    }

    /// The signatures are those of aws-sig-v4-test-suite.
    #[test]
    fn signatures_are_those_of_the_published_vectors() {
        const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
        for (name, (method, path, more, body), expected) in [
            (
                "get-vanilla",
                ("GET", "/", &[][..], ""),
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "post-vanilla",
                ("POST", "/", &[], ""),
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "get-header-value-trim",
                ("GET", "/", &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")], ""),
                "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
            ),
            (
                "get-utf8",
                ("GET", "/\u{1234}", &[], ""),
                "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
            ),
            (
                "post-header-key-sort",
                ("POST", "/", &[("my-header1", "value1")], ""),
                "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
            ),
            (
                "post-x-www-form-urlencoded",
                ("POST", "/", &[FORM], "Param1=value1"),
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        ] {
            let made = sign(method, path, more, body);
            let (_, signature) = made.rsplit_once("Signature=").unwrap();
            assert_eq!(signature, expected, "{name}: {made}");
        }
    }

    /// docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, "Example: PUT Object".
    #[test]
    fn an_object_is_signed_as_in_the_example_of_s3() {
        let credentials = Credentials {
            key_id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
            token: None,
        };
        let sha = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
        let headers = [
            ("date", "Fri, 24 May 2013 00:00:00 GMT"),
            ("host", "examplebucket.s3.amazonaws.com"),
            ("x-amz-content-sha256", sha),
            ("x-amz-date", "20130524T000000Z"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ];
        let body = b"Welcome to Amazon S3.";
        let request =
            Signed { method: "PUT", path: "/test%24file.text", headers: &headers, body, plain: true };
        let at = "2013-05-24T00:00:00Z".parse().unwrap();
        let made = authorization(&credentials, "us-east-1", "s3", &request, at);
        assert!(
            made.ends_with("Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
            "{made}"
        );
    }

    #[test]
    fn a_header_names_the_key_its_scope_and_what_is_signed() {
        let made = sign("POST", "/", &[("content-type", "application/json")], "{}");
        let expected = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                        SignedHeaders=content-type;host;x-amz-date, Signature=";
        assert!(made.starts_with(expected), "{made}");
    }

    #[test]
    fn what_is_encoded_is_encoded_once_more() {
        for (path, expected) in [
            ("/v2/email/outbound-emails", "/v2/email/outbound-emails"),
            ("/v2/email/identities/press%40halden.example", "/v2/email/identities/press%2540halden.example"),
            ("/a b/~", "/a%20b/~"),
        ] {
            assert_eq!(encoded(path), expected);
        }
    }
}
