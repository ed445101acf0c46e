//! `java.jsonl`: files and requests given to the classes of 4.4.0, with what they made of them.
//! A file is accepted or refused alike, its accounts have the same permissions and secrets, and
//! each request gets the same answer. `failure` stands for an exception that no one foresaw.

use acl::{Acl, AclError, Credentials, Perm, Server};
use protocol::{Command, Ext};
use serde_json::Value;

use super::golden;

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

fn lines() -> Vec<Value> {
    golden("java.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn files_are_accepted_and_refused_alike() {
    for case in lines() {
        let ours = Acl::new(Server::Broker, text(&case, "yml").as_bytes());
        assert_eq!(ours.is_ok(), case["load"].is_null(), "{}: {ours:?}", text(&case, "name"));
    }
}

#[test]
fn accounts_are_the_same() {
    for case in lines().iter().filter(|case| case["load"].is_null()) {
        let acl = Acl::new(Server::Broker, text(case, "yml").as_bytes()).unwrap();
        for (name, account) in case["accounts"].as_object().unwrap() {
            let credentials = Credentials::new(name.clone(), text(account, "secretKey"));
            let call = |code: i32, fields: &[(&str, &str)]| {
                let mut request = Command::request(code);
                fields.iter().for_each(|(key, value)| request.ext.push(key, value));
                credentials.sign(&mut request);
                acl.check(code, &request.ext, &request.body, "9.9.9.9".parse().unwrap())
            };
            // A signature that passes: the secrets are the same.
            let admin = call(25, &[]);
            assert_eq!(admin.is_ok(), account["admin"].as_bool().unwrap(), "{case}");
            assert!(matches!(admin, Ok(()) | Err(AclError::AdminNeeded { .. })), "{case}");
            for (resource, bits) in account["perms"].as_object().unwrap() {
                let bits = bits.as_u64().unwrap();
                let may = |bit| bits & 1 == 0 && bits & bit != 0;
                assert_eq!(call(310, &[("b", resource)]).is_ok(), may(4), "{resource} {case}");
                assert_eq!(call(12, &[("topic", resource)]).is_ok(), may(8), "{resource} {case}");
            }
        }
    }
}

#[test]
fn requests_are_answered_alike() {
    let mut count = 0;
    for case in lines().iter().filter(|case| case["load"].is_null()) {
        let acl = Acl::new(Server::Broker, text(case, "yml").as_bytes()).unwrap();
        for request in case["requests"].as_array().into_iter().flatten() {
            let fields = request["ext"].as_object().unwrap();
            let ext: Ext = fields.iter().map(|(k, v)| (k.as_str(), v.as_str().unwrap())).collect();
            let code = i32::try_from(request["code"].as_i64().unwrap()).unwrap();
            let body = request["body"].as_str().unwrap_or_default().as_bytes();
            let remote = text(request, "remote").split(':').next().unwrap().parse().unwrap();
            let answer = acl.check(code, &ext, body, remote).map_err(|error| error.to_string());
            let expected = match request["answer"].as_str() {
                None => Ok(()),
                // A pattern that cannot be evaluated: here it matches nobody.
                Some("failure") => Err("No accessKey is configured".to_owned()),
                Some(text) => Err(text.to_owned()),
            };
            assert_eq!(answer, expected, "{}: {request}", text(case, "name"));
            count += 1;
        }
    }
    assert!(count > 900, "{count}");
}

#[test]
fn a_permission_found_late() {
    let yml = "accounts:\n- {accessKey: account1, secretKey: secret11, topicPerms: [t=SUB]}\n\
               - {accessKey: adminacc, secretKey: secret22, admin: true}\n\
               globalWhiteRemoteAddresses: [10.0.0.1]\n";
    let acl = super::broker(yml);
    let check = |account: &str, topic: &str| {
        let ext: Ext = [("AccessKey", account)].into_iter().collect();
        acl.check_topic(&ext, super::local(), topic, Perm::SUB)
    };
    assert_eq!(check("account1", "t"), Ok(()));
    assert_eq!(check("account1", "u"), Err(AclError::Topic("u".to_owned())));
    assert_eq!(check("account1", "%RETRY%g"), Err(AclError::Group("g".to_owned())));
    assert_eq!(check("adminacc", "u"), Ok(()));
    let white = "10.0.0.1".parse().unwrap();
    assert_eq!(acl.check_topic(&Ext::default(), white, "u", Perm::SUB), Ok(()));
}
