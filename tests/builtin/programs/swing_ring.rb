# a tune with most of what tunes need
use_bpm 132
use_random_seed 2024
use_synth :pluck
notes_of = (scale :a2, :minor_pentatonic, num_octaves: 2)
live_loop :bass do
  use_synth :fm
  play (knit :a1, 6, :g1, 2).tick, release: 0.4, divisor: (line 0.5, 2, steps: 8).look, depth: rrand(0.5, 2)
  sleep 0.5
end
with_fx :echo, phase: 0.75, mix: (range 0.1, 0.4, step: 0.1).choose do
  live_loop :lead, sync: :bass do
    density [1, 2].choose do
      play notes_of.shuffle.first, amp: (bools 1, 0, 1, 1).tick ? 0.5 : 0.2, pan: rdist(0.6)
      sleep 0.25
    end
    with_swing 0.05, pulse: 2 do
      play chord(notes_of.choose, :minor).reflect.tick(:arp), release: 0.1 if one_in(3)
    end
    sleep 0.25
  end
end
