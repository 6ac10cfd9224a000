//! One connection to one server: resolved once, checked, and connected to the very address that was
//! checked, so that a name which changes its mind in between has no chance.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use rustls::CertificateError;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::http::address::is_public;
use crate::http::problem::{Problem, Token};
use crate::http::target::{Scheme, Target};

/// From a host's name to addresses.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// All addresses of a name, the preferred ones first.
    ///
    /// # Errors
    /// When the name has none, or nobody could be asked.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The operating system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// Something that bytes are written to and read from.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<Any: AsyncRead + AsyncWrite + Send + Unpin> Stream for Any {}

/// Makes connections.
pub(crate) struct Connector {
    resolver: Arc<dyn Resolver>,
    tls: OnceLock<Result<TlsConnector, String>>,
}

impl Connector {
    pub(crate) fn new(resolver: Arc<dyn Resolver>) -> Connector {
        Connector {
            resolver,
            tls: OnceLock::new(),
        }
    }

    /// Connects to a server; with `private` also within private networks and to this machine.
    pub(crate) async fn connect(
        &self,
        target: &Target,
        private: bool,
    ) -> Result<Box<dyn Stream>, Problem> {
        let stream = self.reach(target, private).await?;
        match target.scheme {
            Scheme::Http => Ok(Box::new(stream)),
            Scheme::Https => self.secured(stream, target).await,
        }
    }

    async fn reach(&self, target: &Target, private: bool) -> Result<TcpStream, Problem> {
        let host = &target.host;
        let found = self.addresses(target).await?;
        let (allowed, refused): (Vec<SocketAddr>, Vec<SocketAddr>) = found
            .into_iter()
            .partition(|address| private || is_public(address.ip()));
        if allowed.is_empty() && !refused.is_empty() {
            let message =
                format!("`{host}` leads into a private network, which the grant does not open");
            return Err(Problem::new(Token::PrivateAddress, message));
        }
        for address in allowed {
            if let Ok(stream) = TcpStream::connect(address).await {
                // Requests are written whole; waiting for more to send only delays them.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
        }
        let message = format!("nobody answers at {host}:{}", target.port);
        Err(Problem::new(Token::Connect, message))
    }

    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, Problem> {
        let bare = target.host.trim_matches(['[', ']']);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, target.port)]);
        }
        let found = self.resolver.resolve(bare, target.port).await;
        match found.unwrap_or_default() {
            found if found.is_empty() => {
                let message = format!("the name `{bare}` has no address");
                Err(Problem::new(Token::Unresolved, message))
            }
            found => Ok(found),
        }
    }

    async fn secured(
        &self,
        stream: TcpStream,
        target: &Target,
    ) -> Result<Box<dyn Stream>, Problem> {
        let failed = |why: String| Problem::new(Token::Tls, why);
        let bare = target.host.trim_matches(['[', ']']).to_owned();
        let connector = self
            .tls
            .get_or_init(tls_connector)
            .as_ref()
            .map_err(|why| failed(why.clone()))?;
        let name = ServerName::try_from(bare)
            .map_err(|_| failed("the host's name can stand in no certificate".to_owned()))?;
        let secured = connector.connect(name, stream).await.map_err(|error| {
            let reason = distrust(&error);
            failed(format!(
                "no trustworthy connection to {}: {reason}",
                target.host
            ))
        })?;
        Ok(Box::new(secured))
    }
}

/// Why a handshake failed, in words that do not change with the time of day: they are journalled.
fn distrust(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    let Some(rustls::Error::InvalidCertificate(certificate)) = inner else {
        return error.to_string();
    };
    let reason = match certificate {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name"
        }
        CertificateError::UnknownIssuer => {
            "its certificate is signed by no authority that this machine trusts"
        }
        other => return format!("its certificate is not good: {other}"),
    };
    reason.to_owned()
}

/// TLS 1.2 and 1.3, and the certificate authorities that this machine trusts, or those in the PEM files
/// that `SSL_CERT_FILE` and `SSL_CERT_DIR` name instead.
fn tls_connector() -> Result<TlsConnector, String> {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let message = "this machine trusts no certificate authority: `SSL_CERT_FILE` names a file of them, or \
                       is to be left out";
        return Err(message.to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
