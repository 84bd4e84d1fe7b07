//! A client certificate: read from a PEM file, and an assertion signed with it.
//!
//! The file is read anew for each sign-in, so one that others renew counts without a restart. Must never show the key,
//! and never sign with a certificate that Entra is sure to refuse.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    rsa::KeyPair,
    signature::{KeyPair as _, RSA_PSS_SHA256},
};
use azure_core::{base64::encode_url_safe, http::ClientMethodOptions};
use azure_identity::ClientAssertion;
use jiff::Timestamp;
use serde_json::{Value, json};
use x509_cert::{Certificate, der::Decode as _, time::Time};

use super::{Application, carrying, failed};
use crate::domain::failure::{Cause, sign_in::CERTIFICATE_UNUSABLE};

/// Seconds for which an assertion holds: enough for one request, and for a clock that is not quite right.
const LIFETIME: u64 = 300;

/// A certificate with its private key.
pub struct ClientCertificate {
    key: KeyPair,
    /// Of its DER form, by SHA-256: Entra knows it by that.
    thumbprint: String,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate").field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}

/// Why a file does not serve as a client certificate: what is wrong and the next step, as one line.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The file cannot be read.
    #[error("{file} cannot be read ({source}); name a file that the operator may read")]
    Unreadable {
        /// Which file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not PEM.
    #[error(
        "{file} is not a PEM file; make one of a .pfx with `openssl pkcs12 -in FILE.pfx -nodes -out FILE.pem`"
    )]
    NotPem {
        /// Which file.
        file: String,
    },
    /// There is no certificate in it, or one that cannot be read.
    #[error("{file} holds no certificate; put a -----BEGIN CERTIFICATE----- block into it, beside the key")]
    NoCertificate {
        /// Which file.
        file: String,
    },
    /// There is no key in it.
    #[error(
        "{file} holds no private key; put a -----BEGIN PRIVATE KEY----- block into it, beside the certificate"
    )]
    NoKey {
        /// Which file.
        file: String,
    },
    /// The key is encrypted.
    #[error(
        "{file} holds a private key that is encrypted; decrypt it with `openssl pkey -in {file} -out key.pem` and put that \
         in its place"
    )]
    Encrypted {
        /// Which file.
        file: String,
    },
    /// The key is none that Entra takes.
    #[error(
        "{file} holds a private key that is no RSA key of 2048 bits or more; Microsoft Entra takes no other"
    )]
    NotRsa {
        /// Which file.
        file: String,
    },
    /// The key is of another certificate.
    #[error("{file} holds a private key and a certificate that do not belong together; put the pair into it")]
    NotAPair {
        /// Which file.
        file: String,
    },
    /// It is no longer, or not yet, to be used.
    #[error(
        "{file} holds a certificate that is valid from {from} to {to} only; put a new one into it, or set the clock"
    )]
    OutOfTime {
        /// Which file.
        file: String,
        /// The beginning.
        from: Timestamp,
        /// The end.
        to: Timestamp,
    },
}

impl ClientCertificate {
    /// Reads a PEM file with a private key (PKCS#8, or PKCS#1 for RSA) and its certificate, in any order; certificates
    /// of the authorities above it are passed over.
    pub fn read(file: &Path) -> Result<Self, CertificateError> {
        let text = std::fs::read(file)
            .map_err(|source| CertificateError::Unreadable { file: file.display().to_string(), source })?;
        Self::parse(&text, file.display().to_string())
    }

    fn parse(text: &[u8], file: String) -> Result<Self, CertificateError> {
        let Ok(blocks) = pem::parse_many(text) else { return Err(CertificateError::NotPem { file }) };
        let key = match blocks.iter().find(|block| block.tag().ends_with("PRIVATE KEY")) {
            None if blocks.is_empty() => return Err(CertificateError::NotPem { file }),
            None => return Err(CertificateError::NoKey { file }),
            Some(key) if key.tag().starts_with("ENCRYPTED") || key.headers().get("DEK-Info").is_some() => {
                return Err(CertificateError::Encrypted { file });
            }
            Some(key) if key.tag().starts_with("RSA") => KeyPair::from_der(key.contents()),
            Some(key) => KeyPair::from_pkcs8(key.contents()),
        };
        let Ok(key) = key else { return Err(CertificateError::NotRsa { file }) };
        let certificates: Vec<_> = blocks
            .iter()
            .filter(|block| block.tag() == "CERTIFICATE")
            .filter_map(|block| Some((block.contents(), Certificate::from_der(block.contents()).ok()?)))
            .collect();
        if certificates.is_empty() {
            return Err(CertificateError::NoCertificate { file });
        }
        let own = certificates.into_iter().find(|(_, read)| public_key(read) == key.public_key().as_ref());
        let Some((der, certificate)) = own else { return Err(CertificateError::NotAPair { file }) };
        let thumbprint = encode_url_safe(digest(&SHA256, der));
        let validity = certificate.tbs_certificate().validity();
        let (from, to) = (timestamp(validity.not_before), timestamp(validity.not_after));
        if !(from..=to).contains(&Timestamp::now()) {
            return Err(CertificateError::OutOfTime { file, from, to });
        }
        Ok(Self { key, thumbprint })
    }

    /// A JWT of these claims that proves possession of the key. `None` if the library cannot sign, which nothing explains.
    fn signed(&self, claims: &Value) -> Option<String> {
        let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint});
        let [header, claims] = [&header, claims].map(|part| encode_url_safe(part.to_string()));
        let text = format!("{header}.{claims}");
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).ok()?;
        Some(format!("{text}.{}", encode_url_safe(signature)))
    }
}

/// As RSA keys have it, without the algorithm's name around it.
fn public_key(certificate: &Certificate) -> &[u8] {
    certificate.tbs_certificate().subject_public_key_info().subject_public_key.raw_bytes()
}

fn timestamp(time: Time) -> Timestamp {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

/// What `azure_identity` shows to Entra instead of a secret.
#[derive(Debug)]
pub(super) struct Assertion {
    application: Application,
    file: PathBuf,
    target: String,
}

impl Assertion {
    pub(super) fn new(application: Application, file: PathBuf, target: String) -> Self {
        Self { application, file, target }
    }

    /// For this one request, and for the endpoint that it is sent to.
    fn claims(&self) -> Value {
        let client = self.application.client.as_str();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        json!({
            "aud": format!("{}/oauth2/v2.0/token", self.target),
            "iss": client,
            "sub": client,
            "jti": uuid::Uuid::new_v4().to_string(),
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME,
        })
    }
}

#[async_trait]
impl ClientAssertion for Assertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let unusable = |message: String| {
            let cause = Cause::SignInFailed(Some(CERTIFICATE_UNUSABLE.into()));
            carrying(failed(&self.target, cause, CERTIFICATE_UNUSABLE, &message))
        };
        let certificate = ClientCertificate::read(&self.file).map_err(|error| unusable(error.to_string()))?;
        certificate
            .signed(&self.claims())
            .ok_or_else(|| unusable(format!("the key in {} does not sign", self.file.display())))
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
    use azure_core::base64::{decode_url_safe, encode};
    use rcgen::{CertificateParams, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, date_time_ymd};
    use x509_cert::der::{SliceReader, asn1::AnyRef};

    use super::*;

    /// A certificate and its key, as PEM.
    fn pair(change: impl FnOnce(&mut CertificateParams)) -> (String, rcgen::KeyPair) {
        let key = rcgen::KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let mut certificate = CertificateParams::new(Vec::new()).unwrap();
        change(&mut certificate);
        (certificate.self_signed(&key).unwrap().pem(), key)
    }

    fn read(text: &str) -> Result<ClientCertificate, String> {
        ClientCertificate::parse(text.as_bytes(), "/c.pem".into()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_assertion_names_its_certificate_and_is_signed_with_its_key() {
        let (certificate, key) = pair(|_| {});
        let (authority, _) = pair(|_| {});
        let signer = read(&format!("{authority}{}{certificate}", key.serialize_pem())).unwrap();
        let jwt = signer.signed(&json!({"aud": "a"})).unwrap();
        let parts: Vec<_> = jwt.split('.').map(|part| decode_url_safe(part).unwrap()).collect();
        let header: Value = serde_json::from_slice(&parts[0]).unwrap();
        let der = pem::parse(&certificate).unwrap();
        let thumbprint = encode_url_safe(digest(&SHA256, der.contents()));
        assert_eq!(header, json!({"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint}));
        assert_eq!(parts[1], br#"{"aud":"a"}"#);
        let (text, _) = jwt.rsplit_once('.').unwrap();
        let certificate = Certificate::from_der(der.contents()).unwrap();
        let public = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, public_key(&certificate));
        public.verify(text.as_bytes(), &parts[2]).unwrap();
        assert!(public.verify(b"another text", &parts[2]).is_err());
    }

    #[test]
    fn a_key_in_the_older_form_of_rsa_serves_too() {
        let (certificate, key) = pair(|_| {});
        // PKCS#8 is a wrapping: version, algorithm, and the older form as a string of bytes.
        let der = key.serialize_der();
        let mut inside = SliceReader::new(AnyRef::from_der(&der).unwrap().value()).unwrap();
        let (_version, _algorithm) =
            (AnyRef::decode(&mut inside).unwrap(), AnyRef::decode(&mut inside).unwrap());
        let older = AnyRef::decode(&mut inside).unwrap().value();
        let older =
            format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n", encode(older));
        assert!(read(&format!("{certificate}{older}")).is_ok());
    }

    #[test]
    fn a_file_that_does_not_serve_is_told_with_its_name_and_the_next_step() {
        let (certificate, key) = pair(|_| {});
        let key = key.serialize_pem();
        let (_, other) = pair(|_| {});
        let elliptic = rcgen::KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
        let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        let encrypted_older = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMAA=\n-----END RSA PRIVATE KEY-----\n";
        let broken = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        let rows = [
            (String::new(), "is not a PEM file; make one of a .pfx with `openssl pkcs12"),
            ("MIIC binary".into(), "is not a PEM file"),
            (certificate.clone(), "holds no private key; put a"),
            (key.clone(), "holds no certificate; put a"),
            (format!("{broken}{key}"), "holds no certificate; put a"),
            (format!("{certificate}{encrypted}"), "decrypt it with `openssl pkey -in /c.pem"),
            (format!("{certificate}{encrypted_older}"), "decrypt it with `openssl pkey -in /c.pem"),
            (format!("{certificate}{elliptic}"), "no RSA key of 2048 bits or more"),
            (format!("{certificate}{}", other.serialize_pem()), "do not belong together"),
        ];
        for (text, expected) in rows {
            let error = read(&text).unwrap_err();
            assert!(error.starts_with("/c.pem ") && error.contains(expected), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_certificate_out_of_its_time_is_told_with_the_time() {
        let expired = |to: &mut CertificateParams| {
            (to.not_before, to.not_after) = (date_time_ymd(1980, 1, 1), date_time_ymd(2020, 2, 3));
        };
        let early = |to: &mut CertificateParams| {
            (to.not_before, to.not_after) = (date_time_ymd(2049, 12, 31), date_time_ymd(2090, 1, 1));
        };
        for (pair, expected) in [
            (pair(expired), "from 1980-01-01T00:00:00Z to 2020-02-03T00:00:00Z only; put a new one"),
            (pair(early), "from 2049-12-31T00:00:00Z to 2090-01-01T00:00:00Z only; put a new one"),
        ] {
            let error = read(&format!("{}{}", pair.0, pair.1.serialize_pem())).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn shows_no_key() {
        let (certificate, key) = pair(|_| {});
        let shown = format!("{:?}", read(&format!("{certificate}{}", key.serialize_pem())).unwrap());
        assert!(shown.starts_with("ClientCertificate { thumbprint: ") && shown.len() < 100, "{shown}");
    }
}
