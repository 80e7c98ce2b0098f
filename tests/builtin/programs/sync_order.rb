# who hears whom at one time
in_thread(name: :first) do
  3.times { sync :x; puts :first, vt; play 50 }
end
3.times do |n|
  cue :x, n
  puts :cued, n
  sleep 0.5
end
in_thread do
  4.times { |n| cue :y, n; sleep 0.25 }
end
in_thread do
  2.times { v, = sync(:y); puts :second, v, vt; sleep 0.1 }
end
sleep 1.2
in_thread { sync :z; puts :third, vt; sync :z; puts :again, vt }
sleep 0.1
cue :z
cue :z
sleep 0.1
set :w, 1
in_thread { puts get(:w); set :w, 2; puts get(:w); sleep 0.1; puts get(:w) }
sleep 0.05
puts get(:w)
set :w, 3
puts get(:w), vt, beat
