# what is no Ruby until Sonic Pi has read it
notes = (ring, 60, 64, 67)
puts (knit 1, 2, 3, 4,), (spread 3, 8), "(ring 1, 2)"
play notes.tick, release: 0.1
sleep 0.25
play (chord_invert (chord :c4, :major), 1), release: 0.1
puts (line 0, 1,
  steps: 4)
raise "line 9"
