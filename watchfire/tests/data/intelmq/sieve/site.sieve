// What this site knows.
if source.ip << ['192.0.2.0/24', '2001:db8::/32'] && classification.type == 'c2-server' {
  add extra.zone = 'lab'
  path 'gov'
}
if malware.name :in ['test', 'eicar'] {
  drop
}
if feed.name == 'Botnet CSV' && :notexists source.fqdn {
  add comment = 'address only'
}
