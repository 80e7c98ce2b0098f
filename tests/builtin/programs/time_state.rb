# values that threads set for each other
set :root, 60
puts get(:root), get[:root], get(:nothing), get(:nothing, 5)
in_thread do
  sleep 0.25
  set :root, 62
end
sleep 0.5
play get(:root)
set :list, [1, 2, 3]
puts get(:list)
in_thread do
  sync :root
  play 70
  puts get[:root]
end
sleep 0.25
set :root, 64
sleep 0.25
puts get(:root)
