# water presses against the dam, and the planks creak: a node runs short of memory, disk or processes
place = ev[:pod].sum % 5 * 0.4 - 0.8
plank = 55 + ev[:pod].sum % 5 * 2

synth :pnoise, cutoff: 80, cutoff_slide: 1.4, attack: 1.3, release: 0.5, amp: 0.46, pan: place
5.times do |n|
  creak = synth :saw, note: plank + n, note_slide: 0.2, cutoff: 95, attack: 0.02, sustain: 0.1, release: 0.1,
    amp: 0.18 + 0.05 * n, pan: place
  control creak, note: plank + n + 4
  sleep 0.3
end
