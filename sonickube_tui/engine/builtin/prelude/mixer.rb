# The main mixer of Sonic Pi is not here: how loud a run is and where, the console's mixer decides.

module Mixer
  class << self
    # The volume that was asked for last.
    attr_accessor :volume

    def reset
      @volume = 1
      @said = false
    end

    # Told once in a run, at the first call.
    def say(name)
      Score.say("#{name}: the console's mixer decides") unless @said
      @said = true
    end
  end
end

module Language
  def set_volume!(volume, *)
    Mixer.say(:set_volume!)
    Mixer.volume = volume.clamp(0, 5)
    nil
  end

  def current_volume = Mixer.volume

  %i[set_mixer_control! reset_mixer! set_cent_tuning! set_mixer_invert_stereo! set_mixer_standard_stereo!
     set_mixer_stereo_mode! set_mixer_mono_mode! set_mixer_global_timewarp!].each do |name|
    define_method(name) { |*, **| Mixer.say(name) }
  end
end
