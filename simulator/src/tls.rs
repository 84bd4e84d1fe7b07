//! TLS on loopback: an own certificate authority, one certificate, and a listener for `axum::serve`. The listener also
//! serves in the clear, for the one service that does.
//!
//! The keys live in memory only and die with the process. A handshake that fails or hangs must never hold up the
//! accept loop, so each handshake runs in its own task.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::server::TlsStream;

use crate::Error;

const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// The certificate authority of one simulator and the TLS set-up made from it.
pub(crate) struct Authority {
    pub(crate) ca_pem: String,
    pub(crate) acceptor: TlsAcceptor,
}

impl Authority {
    /// Makes an authority and a certificate for loopback.
    pub(crate) fn new() -> Result<Self, Error> {
        let ca_key = KeyPair::generate()?;
        let mut ca = CertificateParams::new(Vec::new())?;
        ca.distinguished_name.push(DnType::CommonName, "azure-simulator CA");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let ca_certificate = ca.self_signed(&ca_key)?;
        let issuer = Issuer::new(ca, ca_key);

        let key = KeyPair::generate()?;
        let mut leaf = CertificateParams::new(["localhost".to_owned(), Ipv4Addr::LOCALHOST.to_string()])?;
        leaf.distinguished_name.push(DnType::CommonName, "azure-simulator");
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // Strict verifiers (Python 3.13) refuse a certificate without it.
        leaf.use_authority_key_identifier_extension = true;
        let certificate = leaf.signed_by(&key, &issuer)?;

        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut tls = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { ca_pem: ca_certificate.pem(), acceptor: TlsAcceptor::from(Arc::new(tls)) })
    }
}

/// Gives finished connections to `axum::serve`, by TLS if there is an acceptor.
pub(crate) struct LineListener {
    ready: mpsc::Receiver<(Line, SocketAddr)>,
    accepting: JoinHandle<()>,
    address: SocketAddr,
}

impl LineListener {
    pub(crate) fn new(tcp: TcpListener, acceptor: Option<TlsAcceptor>) -> io::Result<Self> {
        let address = tcp.local_addr()?;
        let (sender, ready) = mpsc::channel(64);
        let accepting = tokio::spawn(accept_all(tcp, acceptor, sender));
        Ok(Self { ready, accepting, address })
    }
}

impl Drop for LineListener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept_all(
    tcp: TcpListener,
    acceptor: Option<TlsAcceptor>,
    ready: mpsc::Sender<(Line, SocketAddr)>,
) {
    loop {
        let Ok((stream, peer)) = tcp.accept().await else {
            // Out of file descriptors, mostly: busy waiting would make it worse.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (acceptor, ready) = (acceptor.clone(), ready.clone());
        tokio::spawn(async move {
            let stream = match acceptor {
                None => Some(Wire::Clear(stream)),
                Some(acceptor) => {
                    match tokio::time::timeout(HANDSHAKE_LIMIT, acceptor.accept(stream)).await {
                        Ok(Ok(stream)) => Some(Wire::Tls(Box::new(stream))),
                        Ok(Err(_)) | Err(_) => None,
                    }
                }
            };
            if let Some(stream) = stream {
                // The receiver is gone only when the simulator stops.
                let _ = ready.send((Line { stream, cut: Scissors::default() }, peer)).await;
            }
        });
    }
}

impl Listener for LineListener {
    type Io = Line;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Line, SocketAddr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// Cuts one connection from the outside, for faults that no HTTP answer can express.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scissors(Arc<AtomicBool>);

impl Scissors {
    /// From now on the connection takes nothing more to the client; its end is a TCP reset.
    pub(crate) fn cut(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn is_cut(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Connected<IncomingStream<'_, LineListener>> for Scissors {
    fn connect_info(stream: IncomingStream<'_, LineListener>) -> Self {
        stream.io().cut.clone()
    }
}

/// One connection that can be cut.
pub(crate) struct Line {
    stream: Wire,
    cut: Scissors,
}

enum Wire {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Clear(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

impl Line {
    fn broken(&self) -> Option<io::Error> {
        self.cut.is_cut().then(|| {
            // Lingering for no time turns the close into a reset.
            let _ = self.stream.tcp().set_zero_linger();
            io::Error::from(io::ErrorKind::ConnectionReset)
        })
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.broken() {
            Some(error) => Poll::Ready(Err(error)),
            None => match &mut self.stream {
                Wire::Clear(stream) => Pin::new(stream).poll_read(cx, buffer),
                Wire::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
            },
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.broken() {
            Some(error) => Poll::Ready(Err(error)),
            None => match &mut self.stream {
                Wire::Clear(stream) => Pin::new(stream).poll_write(cx, bytes),
                Wire::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
            },
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.broken() {
            Some(error) => Poll::Ready(Err(error)),
            None => match &mut self.stream {
                Wire::Clear(stream) => Pin::new(stream).poll_flush(cx),
                Wire::Tls(stream) => Pin::new(stream).poll_flush(cx),
            },
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.broken() {
            Some(error) => Poll::Ready(Err(error)),
            None => match &mut self.stream {
                Wire::Clear(stream) => Pin::new(stream).poll_shutdown(cx),
                Wire::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            },
        }
    }
}
