# loops that follow each other
live_loop :beat do
  play 40, release: 0.1
  sleep 0.5
end

live_loop :melody, sync: :beat do
  play (ring 60, 64, 67).tick, release: 0.2
  sleep 0.25
end

live_loop :grow, init: 50 do |n|
  play n
  sleep 1
  n + 1
end

live_loop :late, delay: 0.75, auto_cue: false do
  play 80, release: 0.1
  sleep 1
  stop if vt > 3
end

live_loop :follow do
  sync :grow
  play 90
end
