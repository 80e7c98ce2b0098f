# every synth, at another tempo, with slides
use_bpm 150
[:beep, :blade, :bnoise, :chipbass, :chiplead, :chipnoise, :cnoise, :dark_ambience, :dpulse, :dsaw, :dtri,
 :dull_bell, :fm, :gnoise, :growl, :hollow, :hoover, :mod_dsaw, :mod_fm, :mod_pulse, :mod_saw, :mod_sine, :mod_tri,
 :noise, :piano, :pluck, :pnoise, :pretty_bell, :prophet, :pulse, :saw, :square, :subpulse, :supersaw, :tb303,
 :tech_saws, :tri, :zawa].each_with_index do |name, n|
  synth name, note: 50 + n, amp: 0.02, release: 0.3, slide: 0.2
  sleep 0.1
end
