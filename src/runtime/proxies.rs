//! The proxy on the way out, one for all clients: `HTTPS_PROXY`, and `NO_PROXY` for what is reached without it.
//!
//! Each HTTP library reads these variables by itself, by rules of its own. Here they are read once, checked at start, and
//! decided by one set of rules, those of curl. Must never show the password that a proxy's address may hold.

use std::{fmt, sync::Arc};

use axum::http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{NoProxy, Proxy, Url};

/// Which hosts are reached by way of which proxy. The default is none.
#[derive(Clone, Default)]
pub struct Proxies(Option<Arc<OneProxy>>);

struct OneProxy {
    /// With its password.
    address: Url,
    /// Hosts, domains and networks that are reached without it.
    without: String,
    /// What says that it is on the way.
    named_by: &'static str,
    rules: Matcher,
}

impl Proxies {
    /// What is wrong with the address, as half a sentence, if it is no proxy's. The address itself is not repeated: it may hold
    /// a password.
    pub fn parse(https_proxy: Option<&str>, no_proxy: Option<&str>) -> Result<Self, &'static str> {
        match https_proxy {
            Some(address) => Self::one(address, no_proxy.unwrap_or_default(), "HTTPS_PROXY, NO_PROXY"),
            None => Ok(Self::default()),
        }
    }

    /// The proxy of one cluster, which its kubeconfig names: no exception counts for it.
    pub fn of_kubeconfig(address: &str) -> Result<Self, &'static str> {
        Self::one(address, "", "proxy-url of the kubeconfig")
    }

    fn one(address: &str, without: &str, named_by: &'static str) -> Result<Self, &'static str> {
        let with_scheme =
            if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        let address = Url::parse(&with_scheme).map_err(|_| "is not the address of a proxy")?;
        if !matches!(address.scheme(), "http" | "https") {
            return Err("is not a proxy that is spoken to by http:// or https://");
        }
        let rules = Matcher::builder().https(address.as_str()).no(without).build();
        Ok(Self(Some(Arc::new(OneProxy { address, without: without.to_owned(), named_by, rules }))))
    }

    /// For a client of `reqwest`, which goes by the same rules.
    pub fn for_reqwest(&self) -> Result<Option<Proxy>, reqwest::Error> {
        let Some(proxy) = &self.0 else { return Ok(None) };
        let without = NoProxy::from_string(&proxy.without);
        Ok(Some(Proxy::https(proxy.address.as_str())?.no_proxy(without)))
    }

    /// The proxy on the way to `url`, with its password.
    pub fn of(&self, url: &Uri) -> Option<Uri> {
        let proxy = self.0.as_ref()?;
        proxy.rules.intercept(url)?;
        proxy.address.as_str().parse().ok()
    }

    /// The proxy on the way to `url`, for people.
    pub fn on_the_way_to(&self, url: &str) -> Option<String> {
        let proxy = self.0.as_ref()?;
        proxy.rules.intercept(&url.parse().ok()?)?;
        Some(format!("the proxy {} ({})", proxy.shown(), proxy.named_by))
    }
}

impl OneProxy {
    fn shown(&self) -> Url {
        let mut shown = self.address.clone();
        // Neither fails where there is a host, and without one no address is that of a proxy.
        let _ = shown.set_password(None);
        let _ = shown.set_username("");
        shown
    }
}

impl fmt::Display for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_deref() {
            None => f.write_str("none"),
            Some(proxy) if proxy.without.is_empty() => write!(f, "{}", proxy.shown()),
            Some(proxy) => write!(f, "{} but for {}", proxy.shown(), proxy.without),
        }
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxies({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(address: &str, without: &str) -> Proxies {
        Proxies::parse(Some(address), Some(without)).unwrap()
    }

    #[test]
    fn what_no_proxy_names_is_reached_without_it() {
        let without = "10.0.0.0/8, 192.168.1.7,kubernetes.default.svc,.corp.example.com,fd00::/8,";
        let proxies = proxies("http://proxy.example.com:3128", without);
        for (host, proxied) in [
            ("management.azure.com", true),
            ("10.96.0.1", false),
            ("11.96.0.1", true),
            ("192.168.1.7:6443", false),
            ("192.168.1.8:6443", true),
            ("kubernetes.default.svc", false),
            ("a.corp.example.com", false),
            ("notcorp.example.com", true),
            ("[fd00::1]:6443", false),
            ("127.0.0.1:6443", true),
            ("localhost", true),
        ] {
            let url = format!("https://{host}/api").parse().unwrap();
            assert_eq!(proxies.of(&url).is_some(), proxied, "{host}");
            assert_eq!(proxies.on_the_way_to(&format!("https://{host}/api")).is_some(), proxied, "{host}");
        }
        assert!(
            Proxies::parse(Some("http://p:1"), Some("*"))
                .unwrap()
                .of(&Uri::from_static("https://a"))
                .is_none()
        );
        assert!(Proxies::default().of(&Uri::from_static("https://a")).is_none());
    }

    #[test]
    fn its_password_is_for_the_proxy_alone() {
        let proxies = proxies("http://me:hush@proxy.example.com:3128", "a,b");
        let given = proxies.of(&Uri::from_static("https://management.azure.com")).unwrap();
        assert_eq!(given.authority().unwrap().as_str(), "me:hush@proxy.example.com:3128");
        let told = proxies.on_the_way_to("https://management.azure.com").unwrap();
        assert_eq!(told, "the proxy http://proxy.example.com:3128/ (HTTPS_PROXY, NO_PROXY)");
        assert_eq!(proxies.to_string(), "http://proxy.example.com:3128/ but for a,b");
        assert!(!format!("{proxies:?}").contains("hush"));
    }

    #[test]
    fn an_address_without_a_scheme_is_spoken_to_in_http_and_what_is_no_proxy_is_refused() {
        assert_eq!(proxies("proxy.example.com:3128", "").to_string(), "http://proxy.example.com:3128/");
        for bad in ["socks5://proxy:1080", "http://", "http://pro xy"] {
            assert!(Proxies::parse(Some(bad), None).is_err(), "{bad}");
        }
    }
}
