# a branch bends, cracks and comes down: a container crashed
place = ev[:namespace].sum % 5 * 0.4 - 0.8
bark = 110 + ev[:namespace].sum % 5 * 2

with_fx :hpf, cutoff: 62 do
  5.times do |n|
    synth :cnoise, cutoff: bark, attack: 0.002, release: 0.07, amp: 0.2 + 0.06 * n, pan: place
    sleep 0.14 - 0.02 * n
  end
  synth :cnoise, cutoff: bark + 10, attack: 0.002, release: 0.3, amp: 0.5, pan: place
  sleep 0.3
  sample :drum_tom_lo_hard, rate: 1.5, amp: 0.7, pan: place
  synth :pnoise, cutoff: 90, attack: 0.01, release: 0.5, amp: 0.8, pan: place
end
