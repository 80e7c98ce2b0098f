# thunder, and it rolls on with every restart: a crash loop
place = ev[:namespace].sum % 5 * 0.4 - 0.8
rolls = [2 + ev[:restarts], 6].min

with_fx :hpf, cutoff: 50 do
  synth :cnoise, cutoff: 105, attack: 0.005, release: 0.12, amp: 0.1, pan: place
  rolls.times do |n|
    roll = synth :bnoise, cutoff: rrand(80, 90), cutoff_slide: 1, attack: 0.03, decay: 0.3, decay_level: 0.6,
      release: 2.4, amp: 0.58 - 0.05 * n, pan: place + rrand(-0.2, 0.2)
    control roll, cutoff: 62
    sleep rrand(0.2, 0.4)
  end
end
