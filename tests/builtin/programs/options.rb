# arguments in every form that is understood
play 60, { amp: 0.5 }
play 61, { amp: 0.5 }, { pan: 1 }
play 62, :amp, 0.25, :pan, -1
play 63, { amp: 0.1 }, :pan, 0.5
play({ note: 64, release: 0.1 })
play 65, amp: "0.5", pan: true, attack: nil, release: -> { 0.25 }
play 66, sustain: :release, release: 0.5
play 67, duration: 2
play 68, duration: 2, release: 0.5, attack: 0.25
play 69, duration: 1, sustain: 0.2
play 70, nothing: 5
play (ring 71), amp: 1r / 4
play (ring 72, 73), amp: 0.5
synth :beep, notes: (ring 74, 75)
synth :saw, { note: 76 }, { cutoff: :e6 }
synth nil, note: 77
play "c"
play 78, on: 0
play 79, on: nil
play 80, on: -> { true }
play_chord [60, 64], { release: 0.2 }, :amp, 0.4
sample :bd_haus, { amp: 0.5 }, :rate, 2
sample [:bd_haus, nil]
sample :elec_blip, path: 1
puts current_synth_defaults.inspect, rest?({ note: :r })
with_fx :reverb, :mix, 0.5 do
  play 81
end
