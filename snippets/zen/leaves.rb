# wind goes through dry leaves: something is not right
place = ev[:namespace].sum % 5 * 0.4 - 0.8
tree = 90 + ev[:namespace].sum % 5 * 2
rustles = [24 + 6 * ev[:count], 48].min

with_fx :hpf, cutoff: tree do
  rustles.times do |n|
    synth :pnoise, cutoff: rrand(105, 125), attack: 0.01, release: rrand(0.02, 0.08),
      amp: rrand(0.3, 1.6) * Math.sin(Math::PI * (n + 1) / rustles), pan: place + rrand(-0.2, 0.2)
    sleep rrand(0.015, 0.05)
  end
end
