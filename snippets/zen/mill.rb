# the mill at the brook grinds slower and slower and stands still: a node is not ready
place = ev[:pod].sum % 5 * 0.4 - 0.8
wheel = 54 + ev[:pod].sum % 5 * 2

with_fx :hpf, cutoff: 50 do
  9.times do |n|
    synth :dsaw, note: wheel - n / 2, detune: 0.3, cutoff: 93, attack: 0.03, sustain: 0.06 + 0.02 * n,
      release: 0.12, amp: 0.46, pan: place
    synth :cnoise, cutoff: 85, attack: 0.01, release: 0.12, amp: 0.26, pan: place
    sleep 0.2 * 1.09**n
  end
end
