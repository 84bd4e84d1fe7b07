//! Where a token may travel: to Resource Manager, and to hosts that the settings add. Pure.
//!
//! Azure hands out links, to the next page and to an operation. They are followed as they are, but only to a host that is
//! known: whoever could put another one into an answer, or into a status, would get the operator's token. An [`Address`]
//! is made here only, so no request can be made to anywhere else.

use std::fmt;

use azure_core::http::Url;

use super::settings::ConnectError;

/// An address that a token may be sent to.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address(Url);

impl Address {
    pub(super) fn url(&self) -> &Url {
        &self.0
    }
}

/// The query of a link may be worth as much as a token.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({}{})", self.0.origin().ascii_serialization(), self.0.path())
    }
}

/// The hosts that a token may be sent to.
#[derive(Debug)]
pub(super) struct Hosts {
    resource_manager: Url,
    further: Vec<Url>,
}

/// Why a link is not followed. Names the host and nothing else of it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotFollowed {
    #[error("it is not an https address")]
    NotHttps,
    #[error("{0} is not Resource Manager's host, and no further host of the settings (MDI_FURTHER_HOSTS)")]
    OtherHost(String),
}

impl Hosts {
    /// `further` are names of hosts, each with a port or without.
    pub(super) fn new(resource_manager: Url, further: &[String]) -> Result<Self, ConnectError> {
        let further = further.iter().map(|host| named(host)).collect::<Result<_, _>>()?;
        Ok(Self { resource_manager, further })
    }

    /// The address of a path such as an ARM id.
    pub(super) fn of(&self, path: &str, api_version: &str) -> Address {
        let mut url = self.resource_manager.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            // Each segment is encoded by itself: a resource group may be named in any script.
            segments.pop_if_empty().extend(path.trim_start_matches('/').split('/'));
        }
        url.query_pairs_mut().append_pair("api-version", api_version);
        Address(url)
    }

    /// The address of a link that Azure gave.
    pub(super) fn link(&self, link: &str) -> Result<Address, NotFollowed> {
        let url = Url::parse(link).map_err(|_| NotFollowed::NotHttps)?;
        let bare = url.username().is_empty() && url.password().is_none();
        if url.scheme() != "https" || !bare {
            return Err(NotFollowed::NotHttps);
        }
        let mut known = [&self.resource_manager].into_iter().chain(&self.further);
        if known.any(|host| host.origin() == url.origin()) {
            Ok(Address(url))
        } else {
            Err(NotFollowed::OtherHost(url.authority().into()))
        }
    }
}

/// A host by its name alone: a path or a user beside it would be thought to count, and does not.
fn named(host: &str) -> Result<Url, ConnectError> {
    let no_host = || ConnectError::NotAHost { host: host.into() };
    let is_name = !host.is_empty() && !host.contains(['/', '@', '?', '#', '\\']);
    let url = Url::parse(&format!("https://{host}")).map_err(|_| no_host())?;
    if is_name { Ok(url) } else { Err(no_host()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(further: &[&str]) -> Result<Hosts, ConnectError> {
        let further: Vec<String> = further.iter().map(ToString::to_string).collect();
        Hosts::new("https://management.azure.com".parse().unwrap(), &further)
    }

    #[test]
    fn a_link_is_followed_only_to_a_known_host_over_https() {
        let other = |host: &str| Err(NotFollowed::OtherHost(host.into()));
        let rows = [
            ("https://management.azure.com/x?$skiptoken=a%20b", Ok(())),
            ("HTTPS://Management.Azure.COM:443/x", Ok(())),
            ("https://global.management.azure.com/x", Ok(())),
            ("https://polls.example:8443/x", Ok(())),
            ("https://polls.example/x", other("polls.example")),
            ("https://management.azure.com:8443/x", other("management.azure.com:8443")),
            (
                "https://management.azure.com.evil.example/x?secret=1",
                other("management.azure.com.evil.example"),
            ),
            ("https://evil.example/https://management.azure.com", other("evil.example")),
            ("https://management.azure.com@evil.example/x", Err(NotFollowed::NotHttps)),
            ("https://user:pass@management.azure.com/x", Err(NotFollowed::NotHttps)),
            ("http://management.azure.com/x", Err(NotFollowed::NotHttps)),
            ("//management.azure.com/x", Err(NotFollowed::NotHttps)),
            ("/subscriptions/x", Err(NotFollowed::NotHttps)),
            ("data:text/plain,x", Err(NotFollowed::NotHttps)),
            ("", Err(NotFollowed::NotHttps)),
        ];
        let hosts = hosts(&["Global.management.azure.com", "polls.example:8443"]).unwrap();
        for (link, expected) in rows {
            assert_eq!(hosts.link(link).map(|_| ()), expected, "{link}");
        }
    }

    #[test]
    fn a_link_is_followed_as_it_is() {
        let link = "https://management.azure.com/a/B%2Fc?api-version=2030-01-01&$skiptoken=x%3D%3D&t=1";
        assert_eq!(hosts(&[]).unwrap().link(link).unwrap().url().as_str(), link);
    }

    #[test]
    fn a_further_host_is_a_name_and_nothing_more() {
        for junk in
            ["", "https://polls.example", "polls.example/x", "user@polls.example", "a b", "x:port", "a?b"]
        {
            assert!(hosts(&[junk]).is_err(), "{junk}");
        }
    }

    #[test]
    fn each_segment_of_a_path_is_encoded_by_itself() {
        for base in ["https://management.azure.com", "https://management.azure.com/"] {
            let hosts = Hosts::new(base.parse().unwrap(), &[]).unwrap();
            assert_eq!(
                hosts.of("/resourceGroups/bäute(1)?", "2024-11-30").url().as_str(),
                "https://management.azure.com/resourceGroups/b%C3%A4ute(1)%3F?api-version=2024-11-30"
            );
        }
    }

    #[test]
    fn what_is_printed_of_a_link_has_no_query() {
        let address = hosts(&[]).unwrap().link("https://management.azure.com/x?t=s3cr3t").unwrap();
        assert_eq!(format!("{address:?}"), "Address(https://management.azure.com/x)");
    }
}
