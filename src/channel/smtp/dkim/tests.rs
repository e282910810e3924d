//! Signatures, checked by a verifier of the tests' own that shares nothing with the signer but the standard.

use std::collections::HashMap;

use expect_test::expect;
use ring::signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use secrecy::SecretString;

use super::*;

/// A key that everybody knows, for tests alone. PKCS#8, RSA with 2048 bits.
pub const RSA: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC3drwGa/oK5JLAwwCgrKlxKN0R6GLafBJ1y6bIKp\
    ZJTLYQSjXraf2Duf6Q3D6umtYk0ozaQNlN1AxbFFYNzOXSii4JLT4+lUvGcugIpRBzVzni2VF3vznBjERpljr9ZOl4\
    qeMxwznUORnUgq6g5b3kUwHeWVgdO54qrm0LsWvD8w3T80wIneSvlqtlD+Ycc+yqf85i8g2besooqotbNNmhnno8Q/\
    LWBgbLxPkwCLiBh5NB/Y9prlI/HghfEvZRmvvG4GIZtD6oCBe6QnzK4R9QAw6BZkYBNkmG1QjY3D6DCAlWjCMICqgF\
    7Qsekd1pqQQR7/YCEWN0wVSuzeQMtKvRAgMBAAECggEAFLaSkZUKRMWRWLMLdJiEhDKitvK038mnRJEKvPRV8GOj9e\
    CIXZJOCDEXxR918jz9VWicyh1ii1oX+lvS6rmfRER2ixxbt9wfkyxbocePvRNJhUuXhOdcQXZb2PdC+g3fxXrvcX8C\
    80DDzPg4zWXy06mYKemOEbWD7M9cSg2CHGa5ClGI2r/mjKN2SH8cpuF6s2OqmCe93C73qzTJmX6Bc8SrVK0QdDXOq7\
    rCPlqcxtCILmvfbZUOPOQF7ce7RdRXN5DP/0KWy/efV7+MeuHVoeUQPd4ylyNAiag2iGgfAZkp+trDUmkhL74nYerI\
    trHfcVf4rIVG9RxCxd0p1TorIwKBgQDn2BmRcKrAeRWxi7KcBy1Ul7XPcfcb+vd84lizIQ+H5Upei5W0KsvtHQ4HWS\
    PS5FystBH9NSevtefckNqep16uGB04KSVbnm7dVE9r32hbQXxd7cz0mPP3Q2bIeeOqR2dkUT229JQeuSrr7OlBAlHr\
    nm5Q0+Ch1krF6Nv8eaLblwKBgQDKlDPOSxeI1Gkyry5Sk8lPYXh6A6tKtYyJ+7cgfOTnjhDwAlesxODi71LwTTnX3o\
    xNH4sarLo3SFMbgrzpFgpgT7mcyul5q+6Dot0mzkVxujtOc6wfq/8wPSpZ4hsB7m6xdslobnECPM1ofQmHQNFMYzgi\
    Zf5mI4KD+WOrTUvA1wKBgHl3nu20OcHdrp/2sP1ORVGsqnSlIPJn6oJjlFVFXP22A+DFAQoD4hO4xUDUUxCK1IMnVM\
    V0s/Y7N983hVLaHaDYwXZLGGeH+k27fmDmC6bECIStslP0Tt2dUpx2P/FWt7S3W74fJftyyCoTVaHZtVHdD68JUwd3\
    XnWSKq98ivbBAoGAGKXrn8AXPvjJS/dwpW+B4Py1EfN8Vfy8+tT7tSI9H8dzXCCM1mKmEjaYWtCqpw9W9tNNs5MsnS\
    lZo1FG9v1NieZpaSBvQ/SdcrrQObaDUJEeQi9k0/2zcQUgMAuIybVfFoyjeOdnLKSFQZ9lF2XVkXvJCrZqO7c6XCBt\
    9hvTicUCgYEAiQvFPcf/d4owMK+Ekj60Rb9FwEOsaBm34HcEnWREKA/ixUM4ZLNFXxNItmZZQTWxOcOglrq5afl/++\
    MaSjstW7Ot47Ml2qt6ztzIguQSs3qImxonHswA1r2n8r1queLKmfQY1tmiuPFi8uROc3/Feg27i6MsS7GVHHuUEyOf\
    AzI=";
/// RFC 8463, appendix A.2: its Ed25519 key, in PKCS#8.
pub const ED25519_KEY: &str = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g";
const RSA_1024: &str = "MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBALbnOV5Xb/CWEdgzKr8/hy9MMcOSfyN+gX+VmnaHpb\
    Zce8WirSmwvj5w1PDQYHjZVNWyCXDBWYE9yL5GWfGHsE29o+LiFGGuuTPhaL41BzIo9aHmsQGE6OZtzKwsWnsUd1Pz\
    YGgt0Q6lAvBiz38olWyigJnURtL2NS37uBNoPQ/3AgMBAAECgYEAk1vtg43MuTgfPmHTAeyr/LZVrazc0/r7WJButy\
    qIn0kZy1xKSTmFvQbo+O/ZmeP3jof3RSnx88eUcYB6vLbGmi6KN0ecUBf0T1Tm+kGqkGl8CTnEYKKFSQJuna9t9hKM\
    A2Nlmgt0msatnS3QFGZBFKRw0L2p1GlwFfNUkzgszrkCQQDki4oO1mQuqw1N+/paq3IMZg7GgIqCWRrDENJJi00Ckm\
    c2bB+PTswj/6jR1lIgYEj7TQTRnpD3DYuT/omx+pGdAkEAzOAO2WbOMXJCSI3yWcydpOQATYTUbybL1As+NC+6ehX2\
    Mz7Q3RQ77F5vVKwxLQJn+93kBHj+y/LS5ZOo3TTtowJBAKf0K/cPcvwg1Fw1CxzK1btq3PzfxepY1SP5HrDRYDy9no\
    AOIXtNaxQhc80RdbU5TSjwxtPNdbc5CxQtgL985rkCQE+f+UV3VkYTcT1/paRPCSnvz0pRiLrWaju0Tu27aw9N/8z0\
    6foyhgOcxEo1Tjt/Buj12Uv/to+PhXXiiKvIiV8CQGVW1WBPXe3tA/BA4EewTF0fAfUqQICWstDyLg8lIJFf5JqgqM\
    wmxcm0zrGa8qMTou4i313O8J6S+hezT4MtuvU=";
const EC: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg0qycxzdUsvbQG9A1ESdOKBXMnf665+6HT0N6vrUF3F\
    2hRANCAAS+9gh5R5Khhuf/tW/gKipVKmH4/ewnBNxIsQKHNLbnDf9a776HaIwe8CWHg442EnjD4ag34/8O1VC5nz5c\
    8+zL";

fn key(selector: &str, text: &str) -> Result<Key, KeyError> {
    Key::read(selector, "News.Halden.example", &SecretString::from(text))
}

fn signer() -> Signer {
    Signer::new(vec![key("2026a", RSA).unwrap(), key("2026e", ED25519_KEY).unwrap()]).unwrap()
}

fn at() -> Timestamp {
    "2026-12-01T08:00:00Z".parse().unwrap()
}

const MAIL: &str = "From: Halden Motors Press <press@news.halden.example>\r\n\
    To: \"Jane Roe\" <jane@paper.example>\r\n\
    Subject: Aster EV goes 620 km\r\n on one charge\r\n\
    Date: Tue, 1 Dec 2026 09:00:00 +0100\r\n\
    Message-ID: <k@news.halden.example>\r\n\
    List-Id: Halden <press.news.halden.example>\r\n\
    List-Unsubscribe: <https://news.halden.example/u/t>\r\n\
    List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\
    MIME-Version: 1.0\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    \r\n\
    The Aster EV goes 620 km.\r\n\r\n\r\n";

/// What each signature of `message` is worth. Reads tags and headers in its own way.
fn verify(message: &str, signer: &Signer) -> Vec<bool> {
    let (head, body) = message.split_once("\r\n\r\n").unwrap();
    let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<(String, String)> = head
        .split("\r\n")
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.trim().to_lowercase(), squeeze(value))
        })
        .collect();
    let mut relaxed: Vec<String> = body
        .split("\r\n")
        .map(|line| {
            let start = if line.starts_with([' ', '\t']) { " " } else { "" };
            if line.trim().is_empty() { String::new() } else { format!("{start}{}", squeeze(line)) }
        })
        .collect();
    while relaxed.last().is_some_and(String::is_empty) {
        relaxed.pop();
    }
    let body: String = relaxed.iter().map(|line| format!("{line}\r\n")).collect();
    let mut verdicts = Vec::new();
    for (_, value) in lines.iter().filter(|(name, _)| name == "dkim-signature") {
        let tags: HashMap<String, String> = value
            .split(';')
            .filter_map(|tag| tag.split_once('='))
            .map(|(name, value)| (name.trim().to_owned(), value.replace(' ', "")))
            .collect();
        let mut unused = lines.clone();
        let mut data = String::new();
        for name in tags["h"].split(':') {
            if let Some(found) = unused.iter().rposition(|(other, _)| other == name) {
                let (name, value) = unused.remove(found);
                data.push_str(&format!("{name}:{value}\r\n"));
            }
        }
        let (before, _) = value.split_at(value.rfind("b=").unwrap() + 2);
        data.push_str(&format!("dkim-signature:{}", before.trim_end()));
        let signature = BASE64.decode(&tags["b"]).unwrap();
        let key = signer.keys().iter().find(|key| key.selector() == tags["s"]).unwrap();
        let public = BASE64.decode(key.record().split("p=").nth(1).unwrap()).unwrap();
        let good = if tags["a"] == "rsa-sha256" {
            // What ring wants is inside of what is published: after 24 bytes for a key of 2048 bits.
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public[24..])
                .verify(data.as_bytes(), &signature)
        } else {
            let hash = digest(&SHA256, data.as_bytes());
            UnparsedPublicKey::new(&ED25519, &public).verify(hash.as_ref(), &signature)
        };
        let body = BASE64.encode(digest(&SHA256, body.as_bytes()));
        verdicts
            .push(good.is_ok() && body == tags["bh"] && tags["t"] == "1796112000" && !tags.contains_key("l"));
    }
    verdicts
}

fn signed(mail: &str) -> String {
    String::from_utf8(signer().sign(mail.as_bytes(), at(), None).unwrap()).unwrap()
}

#[test]
fn both_signatures_hold_until_something_is_changed_or_added() {
    let signer = signer();
    let mail = signed(MAIL);
    assert_eq!(verify(&mail, &signer), [true, true], "{mail}");
    for (old, new, expected) in [
        // What a relay may do: fold differently, add its own trace, spaces at the end of the body.
        ("Subject: Aster EV goes 620 km\r\n on one", "subject : Aster EV  goes\r\n\t620 km on one", true),
        ("DKIM-Signature: v=1; a=rsa", "Received: by relay\r\nDKIM-Signature: v=1; a=rsa", true),
        ("620 km.\r\n\r\n\r\n", "620 km. \r\n", true),
        // What nobody may do.
        ("The Aster EV goes 620", "The Aster EV goes 120", false),
        ("\r\n\r\nThe", "\r\n\r\n\r\nThe", false),
        ("km.\r\n\r\n\r\n", "km.\r\nBuy now\r\n", false),
        ("To: \"Jane", "To: \"June", false),
        ("/u/t>", "/u/x>", false),
        ("From: Hal", "From: Evil <evil@z.example>\r\nFrom: Hal", false),
        ("MIME-Version: 1.0\r\n", "MIME-Version: 1.0\r\nFrom: Evil <evil@z.example>\r\n", false),
        ("MIME-Version: 1.0\r\n", "MIME-Version: 1.0\r\nSubject: Evil\r\n", false),
        ("MIME-Version: 1.0\r\n", "MIME-Version: 1.0\r\nCc: evil@z.example\r\n", false),
        ("MIME-Version: 1.0\r\n", "MIME-Version: 1.0\r\nReply-To: evil@z.example\r\n", false),
        ("List-Id: H", "List-Unsubscribe: <https://z.example/>\r\nList-Id: H", false),
        ("List-Id: H", "List-Unsubscribe-Post: x\r\nList-Id: H", false),
        ("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", "", false),
    ] {
        assert!(mail.contains(old), "{old}");
        let changed = mail.replacen(old, new, 1);
        let verdict = match std::panic::catch_unwind(|| verify(&changed, &signer)) {
            Ok(verdict) => verdict,
            Err(_) => vec![false, false],
        };
        assert_eq!(verdict, [expected, expected], "{new:?}");
    }
}

#[test]
fn a_signature_looks_like_this_and_is_always_the_same() {
    let mail = signed(MAIL);
    assert_eq!(mail, signed(MAIL));
    assert!(mail.ends_with(MAIL));
    let head = mail.strip_suffix(MAIL).unwrap();
    assert!(head.split("\r\n").all(|line| line.len() <= 78), "{head}");
    let ed25519 = head.split("DKIM-Signature: ").nth(2).unwrap().replace("\r\n", "\n").replace('\t', "  ");
    expect![[r#"
        v=1; a=ed25519-sha256; c=relaxed/relaxed;
          d=news.halden.example; s=2026e; t=1796112000;
          h=from:from:to:to:cc:cc:subject:subject:date:date:message-id:
          message-id:reply-to:reply-to:mime-version:content-type:
          content-transfer-encoding:list-id:list-id:list-unsubscribe:
          list-unsubscribe:list-unsubscribe-post:list-unsubscribe-post:
          feedback-id:in-reply-to:references;
          bh=nIuFDij5b0XqW1Tl89DPW2UPyRIjT4sOPpPnvSwEzI4=;
          b=57T6lr8d8p5TOZ8DBJqZ350e91639DIgUOCfvoBUUIsA0fsanCnKG1/556Z/GG/gkSACIID7
          fDkRxX5cht45Cg==
    "#]]
    .assert_eq(&ed25519);
}

#[test]
fn what_was_signed_ahead_is_used_for_its_own_bytes_alone() {
    let signer = signer();
    let good = signer.sign(MAIL.as_bytes(), at(), None).unwrap();
    let ahead = signer.ahead(MAIL.as_bytes(), at()).unwrap();
    assert_eq!(ahead.len(), 32 + 256 + 32 + 64);
    assert_eq!(signer.sign(MAIL.as_bytes(), at(), Some(&ahead)).unwrap(), good);
    // That it is used at all: one that is damaged is not noticed, because nothing but the proof is looked at.
    let mut damaged = ahead.clone();
    damaged[40] ^= 1;
    assert_ne!(signer.sign(MAIL.as_bytes(), at(), Some(&damaged)).unwrap(), good);

    let other = MAIL.replace("Jane", "June");
    let later = at() + jiff::SignedDuration::from_secs(1);
    let fresh = Signer::new(vec![key("2026b", RSA).unwrap(), key("2026e", ED25519_KEY).unwrap()]).unwrap();
    let turned = Signer::new(vec![key("2026e", ED25519_KEY).unwrap(), key("2026a", RSA).unwrap()]).unwrap();
    for (case, signer, mail, at) in [
        ("another text", &signer, other.as_str(), at()),
        ("another time", &signer, MAIL, later),
        ("another selector", &fresh, MAIL, at()),
        ("another order", &turned, MAIL, at()),
    ] {
        let anew = signer.sign(mail.as_bytes(), at, None).unwrap();
        assert_eq!(signer.sign(mail.as_bytes(), at, Some(&ahead)).unwrap(), anew, "{case}");
    }
    for cut in [&[][..], &ahead[..10], &ahead[..300], &[0; 1000]] {
        assert_eq!(signer.sign(MAIL.as_bytes(), at(), Some(cut)).unwrap(), good);
    }
    assert_ne!(signer.stamp(), fresh.stamp());
    assert_ne!(signer.stamp(), turned.stamp());
}

#[test]
fn keys_are_read_and_published() {
    let rsa = key("2026A", RSA).unwrap();
    assert_eq!(rsa.record_name(), "2026a._domainkey.news.halden.example");
    let published = rsa.record();
    let spki = BASE64.decode(published.strip_prefix("v=DKIM1; k=rsa; p=").unwrap()).unwrap();
    // As `openssl pkey -pubout` writes it.
    assert_eq!(
        Digest::of(&spki).to_string(),
        "c612dc9975cf254bf925d97663df6bcdcdfcc4159d185f0a93796dfcc5ec3b2c"
    );
    assert!(
        rsa.is_published_as(&spki) && rsa.is_published_as(&spki[24..]) && !rsa.is_published_as(&spki[1..])
    );
    let ed25519 = key("2026e", ED25519_KEY).unwrap();
    // RFC 8463, appendix A.2.
    assert_eq!(ed25519.record(), "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{RSA}\n-----END PRIVATE KEY-----\n");
    assert_eq!(key("x", &pem).unwrap().name(), rsa.name());
    assert_eq!(format!("{rsa:?}"), "Key(2026a._domainkey.news.halden.example, rsa-sha256)");
}

#[test]
fn keys_that_would_not_do_are_refused_and_never_shown() {
    for (selector, text, expected) in [
        ("a", "hunter2", "is no private key"),
        ("a", "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n", "is no private key"),
        ("a", RSA_1024, "neither RSA of 2048 to 4096 bits nor Ed25519"),
        ("a", EC, "neither RSA of 2048 to 4096 bits nor Ed25519"),
        ("a b", RSA, "`a b` is not a name in the DNS"),
        ("a..b", RSA, "is not a name in the DNS"),
        ("a;t=y", RSA, "is not a name in the DNS"),
        ("", RSA, "is not a name in the DNS"),
    ] {
        let error = key(selector, text).unwrap_err().to_string();
        assert!(
            error.contains(expected) && !error.contains("hunter2") && !error.contains(&text[..7]),
            "{error}"
        );
    }
}
