//! Prints the treatment of every setting that RDS describes, and of every member of the requests that create and modify the
//! target: `cargo run -q -p shared --example settings`. Separated by tabs: shape, member, treatment, reason.

use aws::settings::requests::{REQUESTS, Sent};
use aws::settings::{Fate, Setting, cluster, instance};

fn main() {
    print("DBInstance", instance::INSTANCE);
    print("DBCluster", cluster::CLUSTER);
    for request in REQUESTS {
        for (member, sent) in request.members {
            let (what, why) = match sent {
                Sent::Yes => ("sent", ""),
                Sent::No(why) => ("not sent", *why),
            };
            line(request.shape, member, what, why);
        }
    }
}

fn print<T>(shape: &str, table: &[Setting<T>]) {
    for row in table {
        let (what, why) = match row.fate {
            Fate::AtRestore => ("carried at restore", ""),
            Fate::ByModify => ("carried by modify", ""),
            Fate::AtTheEnd => ("carried at the end", ""),
            Fate::OfItsOwn => ("of its own", ""),
            Fate::Encryption => ("encryption", ""),
            Fate::NotCarried(why) => ("not carried", why),
        };
        line(shape, row.member, what, why);
    }
}

#[expect(clippy::print_stdout, reason = "a command for people, and for a test")]
fn line(shape: &str, member: &str, what: &str, why: &str) {
    println!("{shape}\t{member}\t{what}\t{why}");
}
