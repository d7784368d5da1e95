use billing_guard::*;
use std::time::Instant;
fn main(){
    let usd=Unit::new("USD",6).unwrap();
    let t=Tariff::new().per_unit("bytes","0.00001").unwrap().per_unit("rows","0.002").unwrap();
    let guard=Guard::in_memory(usd).price("query",t.clone()).build().unwrap();
    let a=AccountId::new("acct_1").unwrap();
    wait(guard.top_up(&a,IdempotencyKey::unique(),usd.minor(1_000_000_000_000_000))).unwrap();
    let n=200_000u32;
    let time=|name:&str,f:&mut dyn FnMut(u32)|{ for i in 0..20_000{f(1_000_000+i)} let s=Instant::now(); for i in 0..n {f(i)} println!("{name}: {} ns", s.elapsed().as_nanos()/n as u128);};
    let keys:Vec<String>=(0..2_000_000).map(|i|format!("request-{i:012}")).collect();
    let keys2:Vec<String>=(0..2_000_000).map(|i|format!("r2quest-{i:012}")).collect();
    time("key",&mut |i|{std::hint::black_box(IdempotencyKey::new(&keys[i as usize]).unwrap());});
    time("job",&mut |_|{std::hint::black_box(Job::new("query").exact("bytes",180u64).at_most("rows",400u64));});
    let u=Usage::new().with("bytes",180u64).with("rows",120u64);
    time("charge",&mut |_|{std::hint::black_box(t.charge(&u,usd).unwrap());});
    time("guard no key",&mut |_|{ let mut h=wait(guard.hold(&a,Job::new("query").exact("bytes",180u64).at_most("rows",400u64))).unwrap(); wait(h.capture(&u)).unwrap();});
    time("guard key",&mut |i|{ let mut h=wait(guard.hold(&a,Job::new("query").exact("bytes",180u64).at_most("rows",400u64).with_key(IdempotencyKey::new(&keys[i as usize]).unwrap()))).unwrap(); wait(h.capture(&u)).unwrap();});
    let l=guard.ledger().clone();
    time("ledger",&mut |i|{ let k=IdempotencyKey::new(&keys2[i as usize]).unwrap(); wait(l.hold(HoldRequest::new(a.clone(),k.clone(),usd.minor(500)))).unwrap(); wait(l.capture(CaptureRequest::new(a.clone(),k,usd.minor(400)))).unwrap();});
}
