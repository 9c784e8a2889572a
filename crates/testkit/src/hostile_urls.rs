//! Addresses that somebody enters to make the server call itself or its neighbours. Whatever takes a URL is
//! tried with all of them, against a listener on loopback that must never be connected to.

/// Every way to write "this machine, on that port", or another address inside, or what is no web address.
/// None leads to a server of anybody else's.
pub fn hostile_urls(port: u16) -> Vec<String> {
    let at_port = |template: &&str| template.replace("PORT", &port.to_string());
    LOOPBACK.iter().chain(&NEIGHBOURS).chain(&PORTS).chain(&NO_WEB_ADDRESS).map(at_port).collect()
}

/// They lead to the listener, wherever they are taken.
const LOOPBACK: [&str; 51] = [
    "http://127.0.0.1:PORT/",
    "https://127.0.0.1:PORT/",
    "HTTP://127.0.0.1:PORT/",
    "http://127.0.0.1:PORT/?next=https://a.example/",
    // Other addresses of the same machine.
    "http://127.0.0.2:PORT/",
    "http://127.255.255.254:PORT/",
    "http://0.0.0.0:PORT/",
    "http://0:PORT/",
    // One number, and with parts left out.
    "http://2130706433:PORT/",
    "http://127.1:PORT/",
    "http://127.0.1:PORT/",
    // In base 16 and 8.
    "http://0x7f000001:PORT/",
    "http://0x7F.0x0.0x0.0x1:PORT/",
    "http://0x7f.1:PORT/",
    "http://0177.0.0.1:PORT/",
    "http://017700000001:PORT/",
    "http://0177.0x0.0.1:PORT/",
    "http://00000177.0.0.1:PORT/",
    // With a trailing dot.
    "http://127.0.0.1.:PORT/",
    "http://2130706433.:PORT/",
    "http://localhost.:PORT/",
    // Digits, letters and dots of other scripts, escapes, characters that parsers leave out.
    "http://１２７.０.０.１:PORT/",
    "http://①②⑦.⓪.⓪.①:PORT/",
    "http://127。0。0。1:PORT/",
    "http://ｌｏｃａｌｈｏｓｔ:PORT/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:PORT/",
    "http://127.0.0.%31:PORT/",
    "http://%31%32%37.0.0.1:PORT/",
    "http://loc%61lhost:PORT/",
    "http://127.0.0.1%2e:PORT/",
    "http://127.0\t.0.1:PORT/",
    "http://127.0.\n0.1:PORT/",
    "ht\ttp://127.0.0.1:PORT/",
    " http://127.0.0.1:PORT/ ",
    "http://local\u{ad}host:PORT/",
    // Slashes.
    "http:/\\127.0.0.1:PORT/",
    "http:\\\\127.0.0.1:PORT\\",
    "http:/127.0.0.1:PORT/",
    "http:127.0.0.1:PORT/",
    "http:////127.0.0.1:PORT/",
    "http://127.0.0.1:PORT\\@a.example/",
    // The name of this machine.
    "http://localhost:PORT/",
    "http://LocalHost:PORT/",
    // IPv6, and IPv4 within it.
    "http://[::1]:PORT/",
    "http://[0:0:0:0:0:0:0:1]:PORT/",
    "http://[::]:PORT/",
    "http://[::ffff:127.0.0.1]:PORT/",
    "http://[::ffff:7f00:1]:PORT/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]:PORT/",
    "http://[::127.0.0.1]:PORT/",
    "http://[::ffff:0:127.0.0.1]:PORT/",
];

/// They lead to somebody else inside: a metadata service, a neighbour, a gateway between the two worlds.
const NEIGHBOURS: [&str; 23] = [
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.169.254:PORT/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://[::ffff:169.254.169.254]/",
    "http://[fd00:ec2::254]/",
    "http://100.100.100.200/",
    "http://168.63.129.16/",
    "http://192.0.0.192/",
    "http://10.0.0.1:PORT/",
    "http://172.16.0.1:PORT/",
    "http://172.31.255.254:PORT/",
    "http://192.168.0.1:PORT/",
    "http://100.64.0.1:PORT/",
    "http://198.18.0.1:PORT/",
    "http://224.0.0.1:PORT/",
    "http://255.255.255.255:PORT/",
    "http://4294967295:PORT/",
    "http://[64:ff9b::7f00:1]:PORT/",
    "http://[2002:7f00:1::1]:PORT/",
    "http://[fc00::1]:PORT/",
    "http://[fe80::1]:PORT/",
    "http://[fec0::1]:PORT/",
];

/// Other services of this machine.
const PORTS: [&str; 5] = [
    "http://127.0.0.1:22/",
    "http://localhost:25/",
    "https://127.0.0.1:5432/",
    "http://127.0.0.1:6379/%0d%0aFLUSHALL",
    "http://[::1]:11211/",
];

/// They lead nowhere: a user name in front, another scheme, a host in brackets, bytes that end a string.
const NO_WEB_ADDRESS: [&str; 22] = [
    "http://user@127.0.0.1:PORT/",
    "http://user:secret@127.0.0.1:PORT/",
    "http://a.example@127.0.0.1:PORT/",
    "http://a.example:80@127.0.0.1:PORT/",
    "http://a.example%2f@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT@127.0.0.1:PORT/",
    "http://[127.0.0.1]:PORT/",
    "http://[localhost]:PORT/",
    "http://[a.example]:PORT/",
    "http://[fe80::1%25lo]:PORT/",
    "http://[::1%25lo]:PORT/",
    "http://[::1:PORT/",
    "http://127.0.0.1%00.a.example:PORT/",
    "http://127.0.0.1%20a.example:PORT/",
    "http://127.0.0.1:PORT:80/",
    "http://127.0.0.256:PORT/",
    "//127.0.0.1:PORT/",
    "127.0.0.1:PORT/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:PORT/_x",
    "ftp://127.0.0.1:PORT/",
    "javascript:fetch('http://127.0.0.1:PORT/')",
];
