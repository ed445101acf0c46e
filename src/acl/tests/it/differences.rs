//! What is answered otherwise than by 4.4.0, on purpose.

use acl::{Acl, AclError, Credentials, Server};
use protocol::{Command, Ext};

use super::{broker, local};

const YML: &str = "\
globalWhiteRemoteAddresses: [10.0.0.1]
accounts:
- accessKey: account1
  secretKey: secret11
  topicPerms: [t=PUB|SUB, p=PUB]
  groupPerms: [g=SUB]
- accessKey: adminacc
  secretKey: secret22
  admin: true
- accessKey: noperms
  secretKey: secret33
";

fn call(acl: &Acl, account: (&str, &str), request: &mut Command) -> Result<(), AclError> {
    Credentials::new(account.0, account.1).sign(request);
    acl.check(request.code, &request.ext, &request.body, local())
}

const USER: (&str, &str) = ("account1", "secret11");
const ADMIN: (&str, &str) = ("adminacc", "secret22");
const NONE: (&str, &str) = ("noperms", "secret33");

fn request(code: i32, fields: &[(&str, &str)]) -> Command {
    Command { ext: fields.iter().copied().collect(), ..Command::request(code) }
}

fn topic(name: &str) -> Result<(), AclError> {
    Err(AclError::Topic(name.to_owned()))
}

fn group(name: &str) -> Result<(), AclError> {
    Err(AclError::Group(name.to_owned()))
}

#[test]
fn requests_without_fields() {
    let acl = broker(YML);
    let white = "10.0.0.1".parse().unwrap();
    assert_eq!(acl.check(34, &Ext::default(), b"{}", white), Ok(()));
    assert_eq!(acl.check(34, &Ext::default(), b"{}", local()), Err(AclError::NoAccessKey));
}

#[test]
fn batches_need_the_permission_of_sends() {
    let acl = broker(YML);
    assert_eq!(call(&acl, USER, &mut request(320, &[("b", "t")])), Ok(()));
    assert_eq!(call(&acl, USER, &mut request(320, &[("b", "u")])), topic("u"));
    assert_eq!(call(&acl, ADMIN, &mut request(320, &[("b", "t")])), topic("t"));
}

#[test]
fn accounts_without_permissions_are_denied_clearly() {
    let acl = broker(YML);
    assert_eq!(call(&acl, NONE, &mut request(310, &[("b", "t")])), topic("t"));
    assert_eq!(call(&acl, NONE, &mut request(37, &[])), Ok(()));
}

#[test]
fn every_admin_request_needs_an_admin() {
    let acl = broker(YML);
    let codes = [
        17, 21, 25, 26, 28, 43, 45, 200, 201, 202, 203, 204, 207, 208, 215, 222, 223, 300, 301,
        303, 305, 306, 307, 308, 309, 314, 315, 316, 317, 321,
    ];
    for code in codes {
        let denied = Err(AclError::AdminNeeded { code, access_key: "account1".to_owned() });
        assert_eq!(call(&acl, USER, &mut request(code, &[("topic", "t")])), denied);
        assert_eq!(call(&acl, ADMIN, &mut request(code, &[("topic", "t")])), Ok(()));
    }
}

#[test]
fn offsets_queues_and_locks_need_a_consumers_permissions_or_an_admin() {
    let acl = broker(YML);
    for code in [29, 30, 31, 32] {
        assert_eq!(call(&acl, USER, &mut request(code, &[("topic", "p")])), Ok(()));
        assert_eq!(call(&acl, USER, &mut request(code, &[("topic", "u")])), topic("u"));
        assert_eq!(call(&acl, ADMIN, &mut request(code, &[("topic", "u")])), Ok(()));
    }
    let offset = |t: &str, g: &str| request(14, &[("topic", t), ("consumerGroup", g)]);
    assert_eq!(call(&acl, USER, &mut offset("t", "g")), Ok(()));
    assert_eq!(call(&acl, USER, &mut offset("u", "g")), topic("u"));
    assert_eq!(call(&acl, USER, &mut offset("t", "h")), group("h"));
    assert_eq!(call(&acl, ADMIN, &mut offset("u", "h")), Ok(()));
    for code in [41, 42] {
        let lock = |g: &str| {
            Command::request(code).body(format!(r#"{{"consumerGroup":"{g}","mqSet":[]}}"#))
        };
        assert_eq!(call(&acl, USER, &mut lock("g")), Ok(()));
        assert_eq!(call(&acl, USER, &mut lock("h")), group("h"));
        assert_eq!(call(&acl, ADMIN, &mut lock("h")), Ok(()));
    }
}

#[test]
fn unreadable_bodies_are_refused() {
    let acl = broker(YML);
    for code in [34, 41] {
        let answer = call(&acl, USER, &mut Command::request(code).body("{"));
        assert!(matches!(answer, Err(AclError::Body(_))), "{answer:?}");
    }
}

#[test]
fn name_servers_can_be_checked_too() {
    let acl = Acl::new(Server::NameServer, YML.as_bytes()).unwrap();
    assert_eq!(call(&acl, NONE, &mut request(105, &[("topic", "t")])), Ok(()));
    for code in [100, 101, 102, 103, 104, 106, 205, 206, 216, 219, 224, 304, 311, 318, 319, 322] {
        let denied = Err(AclError::AdminNeeded { code, access_key: "account1".to_owned() });
        assert_eq!(call(&acl, USER, &mut request(code, &[])), denied);
        assert_eq!(call(&acl, ADMIN, &mut request(code, &[])), Ok(()));
    }
    assert_eq!(acl.check(105, &Ext::default(), b"", local()), Err(AclError::NoAccessKey));
}
