//! A key, from the secret that holds it to the record that publishes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair as RsaKey;
use ring::signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};

use crate::digest::Digest;

/// `SEQUENCE { OID 1.2.840.113549.1.1.1 (rsaEncryption), NULL }` (RFC 3279 §2.3.1).
const RSA_ALGORITHM: [u8; 15] =
    [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// How to make a key that can be used.
const HOW: &str = "make one with `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048` or \
                   `openssl genpkey -algorithm ed25519`";

/// Why a key cannot be used. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A selector or domain that cannot stand in the DNS.
    #[error("dkim: `{0}` is not a name in the DNS; letters, digits, `-` and `.` alone")]
    Name(String),
    /// Neither PEM nor base64 of a private key.
    #[error("dkim: the key of `{0}` is no private key (PEM, or base64 of PKCS#8); {HOW}")]
    NoKey(String),
    /// ring does not take it: RSA of less than 2048 or more than 4096 bits (RFC 8301 §3.2), or another kind of key.
    #[error("dkim: the key of `{selector}` is neither RSA of 2048 to 4096 bits nor Ed25519 ({why}); {HOW}")]
    Kind {
        /// Whose.
        selector: String,
        /// What ring says.
        why: String,
    },
    /// The same selector and domain, more than once.
    #[error("dkim: `{0}` stands there twice")]
    Twice(String),
}

/// A key that was read could not sign all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a DKIM key could not sign: the system gives no random numbers, or the key contradicts itself")]
pub struct SignError;

enum Pair {
    Rsa(Box<RsaKey>),
    Ed25519(Box<Ed25519KeyPair>),
}

/// A key that signs for one domain under one selector. `Debug` shows no secret.
pub struct Key {
    selector: String,
    domain: String,
    pair: Pair,
    public: Vec<u8>,
    name: Digest,
    random: SystemRandom,
}

impl Key {
    /// Reads a key in PEM (PKCS#8 or PKCS#1), or in base64 of PKCS#8.
    pub fn read(selector: &str, domain: &str, secret: &SecretString) -> Result<Key, KeyError> {
        let (selector, domain) = (name(selector)?, name(domain)?);
        let pair = pair(&selector, secret.expose_secret())?;
        let public = match &pair {
            Pair::Rsa(pair) => subject_public_key_info(pair.public().as_ref()),
            Pair::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
        };
        let name = Digest::of(&public);
        Ok(Key { selector, domain, pair, public, name, random: SystemRandom::new() })
    }

    /// `s=`
    pub fn selector(&self) -> &str {
        &self.selector
    }

    /// `d=`
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// `a=`
    pub fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "rsa-sha256",
            Pair::Ed25519(_) => "ed25519-sha256",
        }
    }

    /// The digest of the public key.
    pub fn name(&self) -> &Digest {
        &self.name
    }

    /// Bytes of a signature.
    pub fn signature_length(&self) -> usize {
        match &self.pair {
            Pair::Rsa(pair) => pair.public().modulus_len(),
            Pair::Ed25519(_) => 64,
        }
    }

    /// The signature of `data`. Fails where the key contradicts itself or the system gives no random numbers (for blinding).
    pub fn sign(&self, data: &[u8]) -> Result<Vec<u8>, SignError> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &self.random, data, &mut signature).map_err(|_| SignError)?;
                Ok(signature)
            }
            // RFC 8463 §3: the digest is what is signed.
            Pair::Ed25519(pair) => {
                Ok(pair.sign(ring::digest::digest(&ring::digest::SHA256, data).as_ref()).as_ref().to_vec())
            }
        }
    }

    /// Where the public key is published: `SELECTOR._domainkey.DOMAIN`.
    pub fn record_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// The text to publish there (RFC 6376 §3.6.1, RFC 8463 §4).
    pub fn record(&self) -> String {
        let kind = match self.pair {
            Pair::Rsa(_) => "rsa",
            Pair::Ed25519(_) => "ed25519",
        };
        format!("v=DKIM1; k={kind}; p={}", BASE64.encode(&self.public))
    }

    /// Whether a published key is this one. RSA keys stand there bare or wrapped (RFC 6376, erratum 3017).
    pub fn is_published_as(&self, bytes: &[u8]) -> bool {
        match &self.pair {
            Pair::Rsa(pair) => bytes == self.public || bytes == pair.public().as_ref(),
            Pair::Ed25519(_) => bytes == self.public,
        }
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({}, {})", self.record_name(), self.algorithm())
    }
}

/// A name that may stand in the DNS, in lower case.
fn name(text: &str) -> Result<String, KeyError> {
    let good = text.len() <= 200
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        });
    if good { Ok(text.to_ascii_lowercase()) } else { Err(KeyError::Name(text.to_owned())) }
}

fn pair(selector: &str, text: &str) -> Result<Pair, KeyError> {
    let none = || KeyError::NoKey(selector.to_owned());
    let der = if text.contains("-----BEGIN") {
        PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| none())?
    } else {
        let bare = Zeroizing::new(text.split_ascii_whitespace().collect::<String>());
        PrivateKeyDer::Pkcs8(BASE64.decode(bare.as_bytes()).map_err(|_| none())?.into())
    };
    let wrong = |error: ring::error::KeyRejected| match error.to_string() {
        why if why == "InvalidEncoding" => none(),
        why => KeyError::Kind { selector: selector.to_owned(), why },
    };
    let der = der.secret_der();
    // OpenSSL leaves the public key out of Ed25519's form, which ring calls unchecked.
    if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
        return Ok(Pair::Ed25519(Box::new(pair)));
    }
    // PKCS#8, and the older form that is RSA's own (PKCS#1).
    let pair = RsaKey::from_pkcs8(der).or_else(|first| RsaKey::from_der(der).map_err(|_| first));
    Ok(Pair::Rsa(Box::new(pair.map_err(wrong)?)))
}

/// What `p=` holds for RSA: the key with its algorithm around it (RFC 5280 §4.1.2.7), as every published key has it.
fn subject_public_key_info(key: &[u8]) -> Vec<u8> {
    let mut bits = vec![0];
    bits.extend_from_slice(key);
    let mut inner = RSA_ALGORITHM.to_vec();
    inner.extend_from_slice(&tagged(0x03, &bits));
    tagged(0x30, &inner)
}

/// A value of DER with its tag and its length.
fn tagged(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = value.len().to_be_bytes();
    let long: Vec<u8> = length.iter().copied().skip_while(|byte| *byte == 0).collect();
    match (u8::try_from(value.len()), u8::try_from(long.len())) {
        (Ok(short), _) if short < 0x80 => out.push(short),
        (_, count) => {
            out.push(0x80 | count.unwrap_or(0));
            out.extend_from_slice(&long);
        }
    }
    out.extend_from_slice(value);
    out
}
