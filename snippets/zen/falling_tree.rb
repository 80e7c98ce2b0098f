# an old tree creaks, gives way and falls: out of memory
place = ev[:namespace].sum % 5 * 0.4 - 0.8
trunk = 52 + ev[:namespace].sum % 5 * 2

14.times do |n|
  synth :saw, note: trunk + n, cutoff: 100, attack: 0.005, release: 0.06, amp: 0.1 + 0.03 * n, pan: place
  sleep 0.16 * 0.88**n
end
with_fx :hpf, cutoff: 50 do
  fall = synth :pnoise, cutoff: 80, cutoff_slide: 0.4, attack: 0.4, release: 0.1, amp: 0.3, pan: place
  control fall, cutoff: 115
  sleep 0.45
  synth :cnoise, cutoff: 100, attack: 0.005, release: 0.5, amp: 0.36, pan: place
  synth :bnoise, cutoff: 85, attack: 0.01, release: 1.5, amp: 0.84, pan: place
end
