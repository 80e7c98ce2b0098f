# a rhythm as people write them
use_random_seed 10
live_loop :drums do
  sample :bd_haus, amp: rrand(0.5, 1) if spread(3, 8).tick
  sample :elec_blip if spread(5, 8).look
  sleep 0.125
end
live_loop :line do
  with_fx :wobble, phase: 2 do
    use_synth :tb303
    8.times do
      play scale(:e2, :minor_pentatonic).choose, release: 0.125, cutoff: rrand_i(60, 110)
      sleep 0.125
    end
  end
end
