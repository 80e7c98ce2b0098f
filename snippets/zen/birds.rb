# birds in the tree of their namespace: a pod is ready
# merged events are a flock; in a sick namespace they sing lower
use_synth :beep
use_synth_defaults attack: 0.01, sustain: 0.04, release: 0.03, note_slide: 0.03,
  pan: ev[:namespace].sum % 5 * 0.4 - 0.8

tree = 97 + ev[:namespace].sum % 5 * 2 - 6 * (1 - ev[:health])

[2 + Math.log2(ev[:count]).round, 5].min.times do
  rrand_i(1, 3).times do
    bird = play tree - 5, amp: rrand(0.1, 0.16)
    control bird, note: tree + rrand(0, 3)
    sleep 0.04
    control bird, note: tree - rrand(3, 8)
    sleep rrand(0.06, 0.1)
  end
  sleep rrand(0.06, 0.14)
end
